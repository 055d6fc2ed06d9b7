"""What runs pods: containerd, the kubelet, kube-proxy, and DNS for them."""

import json
from pathlib import Path

from tests.cluster.native.interior import ADDRESS, PODS

SOCKET = "/run/containerd/containerd.sock"

CONTAINERD = """version = 2
disabled_plugins = ["io.containerd.internal.v1.opt"]
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  restrict_oom_score_adj = true
  max_concurrent_downloads = 3
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "{plugins}"
  conf_dir = "{configuration}/cni"
"""
"""`restrict_oom_score_adj`: where root lacks CAP_SYS_RESOURCE, runc would fail to lower the score. The plugin `opt`
would make a folder outside the node."""

NETWORK = {
    "cniVersion": "0.4.0",
    "name": "pods",
    "plugins": [
        {
            "type": "bridge",
            "bridge": "pods0",
            "isGateway": True,
            "hairpinMode": True,
            "ipam": {
                "type": "host-local",
                "dataDir": "/run/cni",
                "ranges": [[{"subnet": PODS}]],
                "routes": [{"dst": "0.0.0.0/0"}],
            },
        }
    ],
}

COREFILE = """.:53 {{
  errors
  health 127.0.0.1:8080
  ready 127.0.0.1:8181
  cache 5
  kubernetes cluster.local in-addr.arpa {{
    kubeconfig {pki}/admin.kubeconfig
    ttl 5
  }}
  template ANY ANY . {{
    rcode NXDOMAIN
  }}
}}
"""
"""Any other name does not exist: there is nobody to ask."""


def configure(folder: Path, *, pki: Path, cgroup: str, pause: str, plugins: Path) -> None:
    """Write all configuration files of the worker's programs into a folder."""
    (folder / "cni").mkdir(parents=True, exist_ok=True)
    (folder / "cni" / "pods.conflist").write_text(json.dumps(NETWORK))
    (folder / "containerd.toml").write_text(CONTAINERD.format(pause=pause, plugins=plugins, configuration=folder))
    (folder / "Corefile").write_text(COREFILE.format(pki=pki))
    (folder / "kubelet.json").write_text(json.dumps(_kubelet(pki, cgroup, folder.parent / "resolv.conf")))


def containerd(folder: Path) -> list[str]:
    """Its state is in /run and its images are in /var/lib of the node."""
    return ["containerd", f"--config={folder}/containerd.toml"]


def kubelet(folder: Path, *, pki: Path, name: str) -> list[str]:
    """The node's agent, on the node's address."""
    return [
        "kubelet",
        f"--config={folder}/kubelet.json",
        f"--kubeconfig={pki}/kubelet.kubeconfig",
        "--cert-dir=/var/lib/kubelet/pki",
        f"--hostname-override={name}",
        f"--node-ip={ADDRESS}",
    ]


def kube_proxy(*, pki: Path, name: str) -> list[str]:
    """Services by nftables; the machine's conntrack settings stay as they are."""
    return [
        "kube-proxy",
        "--proxy-mode=nftables",
        f"--kubeconfig={pki}/proxy.kubeconfig",
        f"--hostname-override={name}",
        f"--cluster-cidr={PODS}",
        "--conntrack-max-per-core=0",
        "--conntrack-tcp-timeout-established=0",
        "--conntrack-tcp-timeout-close-wait=0",
    ]


def coredns(folder: Path) -> list[str]:
    """DNS on the node's address."""
    return ["coredns", "-conf", f"{folder}/Corefile"]


def _kubelet(pki: Path, cgroup: str, resolver: Path) -> dict[str, object]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {"x509": {"clientCAFile": f"{pki}/ca.crt"}, "anonymous": {"enabled": False}},
        "containerRuntimeEndpoint": f"unix://{SOCKET}",
        "clusterDNS": [ADDRESS],
        "clusterDomain": "cluster.local",
        "resolvConf": str(resolver),
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": cgroup,
        "failCgroupV1": False,
        "failSwapOn": False,
        "makeIPTablesUtilChains": False,
        "serializeImagePulls": False,
        "maxPods": 200,
        "oomScoreAdj": 0,
        "protectKernelDefaults": True,
        "volumePluginDir": "/var/lib/kubelet/volume-plugins",
        "imageGCHighThresholdPercent": 100,  # an image that is thrown away cannot be pulled again
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
    }
