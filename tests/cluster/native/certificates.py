"""The certificates of a cluster: one authority, and a key with a certificate for each who speaks to the API server."""

from pathlib import Path

from tests.cluster.native.interior import ADDRESS
from tests.cluster.shell import run

DAYS = "3650"
SERVER_NAMES = (
    "DNS:kubernetes.default.svc.cluster.local,DNS:kubernetes.default.svc,DNS:kubernetes.default,DNS:kubernetes,"
    f"DNS:localhost,IP:{ADDRESS},IP:127.0.0.1,IP:10.96.0.1"
)

SUBJECTS = {
    "apiserver": "/CN=kube-apiserver",
    "apiserver-kubelet": "/O=system:masters/CN=kube-apiserver",
    "front-proxy": "/CN=front-proxy",
    "admin": "/O=system:masters/CN=admin",
    "controller-manager": "/CN=system:kube-controller-manager",
    "scheduler": "/CN=system:kube-scheduler",
    "kubelet": "/O=system:nodes/CN=system:node:{node}",
    "proxy": "/CN=system:kube-proxy",
}
"""Who each certificate says its bearer is; Kubernetes' own roles are bound to these names."""

KUBECONFIGS = ("admin", "controller-manager", "scheduler", "kubelet", "proxy")

KUBECONFIG = """apiVersion: v1
kind: Config
clusters: [{{name: pilotage, cluster: {{server: "https://{address}:6443", certificate-authority: {folder}/ca.crt}}}}]
users: [{{name: {user}, user: {{client-certificate: {folder}/{user}.crt, client-key: {folder}/{user}.key}}}}]
contexts: [{{name: {user}, context: {{cluster: pilotage, user: {user}}}}}]
current-context: {user}
"""


def issue(folder: Path, node: str) -> None:
    """Fill a folder with NAME.crt and NAME.key for all SUBJECTS, `ca`, `service-accounts.key`, and NAME.kubeconfig."""
    folder.mkdir(parents=True, mode=0o700)
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    authority = ("-x509", "-days", DAYS, "-subj", "/CN=pilotage-test-ca")
    run(["openssl", "req", *authority, *key, "-keyout", folder / "ca.key", "-out", folder / "ca.crt"])
    for name, subject in SUBJECTS.items():
        names = ("-addext", f"subjectAltName={SERVER_NAMES}") if name == "apiserver" else ()
        request = folder / f"{name}.csr"
        who = ("-subj", subject.format(node=node))
        run(["openssl", "req", *who, *names, *key, "-keyout", folder / f"{name}.key", "-out", request])
        signer = ("-CA", folder / "ca.crt", "-CAkey", folder / "ca.key", "-CAcreateserial", "-days", DAYS)
        files = ("-in", request, "-out", folder / f"{name}.crt")
        run(["openssl", "x509", "-req", "-copy_extensions", "copy", *signer, *files])
        request.unlink()
    run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", folder / "service-accounts.key"])
    for user in KUBECONFIGS:
        text = KUBECONFIG.format(address=ADDRESS, folder=folder, user=user)
        (folder / f"{user}.kubeconfig").write_text(text)
