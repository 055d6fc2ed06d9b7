"""What a node is like inside before anything runs: its mounts, kernel settings, addresses and resolver."""

from pathlib import Path

from tests.cluster.native.node import Node

ADDRESS = "10.250.0.1"
NODES = "10.250.0.0/24"
PODS = "10.244.0.0/16"
SERVICES = "10.96.0.0/16"
"""The same in every cluster: each has a network of its own, with no way out."""

KUBELET_EXPECTS = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}
"""The kubelet sets these for the whole machine unless it finds them so: it is shown files that say what it wants."""

MOUNTS = """
mount --make-rshared /
mount --bind "$0/lib" /var/lib
mount --bind "$0/log" /var/log
mount -t tmpfs tmpfs /run
mkdir /run/settings
"""
"""Shared inside (the kubelet propagates its mounts to pods), private towards the machine."""

NETWORK = f"""
ip link set lo up
ip link add node0 type bridge
ip address add {ADDRESS}/24 dev node0
ip link set node0 up
ip route add default dev node0
echo 1 > /proc/sys/net/ipv4/ip_forward
echo 1 > /proc/sys/net/bridge/bridge-nf-call-iptables
"""
"""A bridge holds the address, since not every kernel has dummy devices. Pods on one bridge reach each other through
a Service only if bridged packets are shown to the packet filter."""

RESOLVER = f"nameserver {ADDRESS}\n"


def furnish(node: Node, state: Path) -> None:
    """Make an empty node ready for programs."""
    for folder in ("lib", "log"):
        (state / folder).mkdir(parents=True, exist_ok=True)
    (state / "resolv.conf").write_text(RESOLVER)
    node.run("sh", "-ec", MOUNTS + _settings() + NETWORK, state)


def _settings() -> str:
    return "\n".join(
        f"echo {value} > /run/settings/{name.replace('/', '-')}\n"
        f"mount --bind /run/settings/{name.replace('/', '-')} /proc/sys/{name}"
        for name, value in KUBELET_EXPECTS.items()
    )
