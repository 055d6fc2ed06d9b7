"""What runs the API: etcd and the API server; and what acts on it: the controller manager and the scheduler."""

from pathlib import Path

from tests.cluster.native.interior import ADDRESS, SERVICES

LEADER = "--leader-elect=false"  # there is one of each


def etcd() -> list[str]:
    """Plain HTTP on the node's own loopback, which nothing outside the node can reach."""
    return [
        "etcd",
        "--data-dir=/var/lib/etcd",
        "--listen-client-urls=http://127.0.0.1:2379",
        "--advertise-client-urls=http://127.0.0.1:2379",
        "--listen-peer-urls=http://127.0.0.1:2380",
        "--unsafe-no-fsync",  # a test cluster does not outlive its machine
    ]


def api_server(pki: Path) -> list[str]:
    """Kubelets are reached by address, not by name: no DNS knows them."""
    return [
        "kube-apiserver",
        f"--advertise-address={ADDRESS}",
        "--etcd-servers=http://127.0.0.1:2379",
        f"--service-cluster-ip-range={SERVICES}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
        "--kubelet-preferred-address-types=InternalIP",
        f"--kubelet-client-certificate={pki}/apiserver-kubelet.crt",
        f"--kubelet-client-key={pki}/apiserver-kubelet.key",
        f"--client-ca-file={pki}/ca.crt",
        f"--tls-cert-file={pki}/apiserver.crt",
        f"--tls-private-key-file={pki}/apiserver.key",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-account-key-file={pki}/service-accounts.key",
        f"--service-account-signing-key-file={pki}/service-accounts.key",
        f"--requestheader-client-ca-file={pki}/ca.crt",
        "--requestheader-allowed-names=front-proxy",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        f"--proxy-client-cert-file={pki}/front-proxy.crt",
        f"--proxy-client-key-file={pki}/front-proxy.key",
        "--profiling=false",
    ]


def controller_manager(pki: Path) -> list[str]:
    """With more requests a second than the default, so that 40 pods at once do not wait for it."""
    return [
        "kube-controller-manager",
        f"--kubeconfig={pki}/controller-manager.kubeconfig",
        f"--service-account-private-key-file={pki}/service-accounts.key",
        f"--root-ca-file={pki}/ca.crt",
        "--use-service-account-credentials=true",
        "--kube-api-qps=100",
        "--kube-api-burst=200",
        "--profiling=false",
        LEADER,
    ]


def scheduler(pki: Path) -> list[str]:
    """The default profile."""
    return ["kube-scheduler", f"--kubeconfig={pki}/scheduler.kubeconfig", "--profiling=false", LEADER]
