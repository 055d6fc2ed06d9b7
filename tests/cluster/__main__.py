"""`python3 -m tests.cluster COMMAND`, from the repository's root, as root."""

import argparse
import os
import re
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.cluster import addons, backend, cache, images, preflight, programs
from tests.cluster.backend import Cluster
from tests.cluster.cache import Artefact
from tests.cluster.errors import ClusterError
from tests.cluster.progress import elapsed, say


def main() -> int:
    """Do one command; an error of the user's concern is one line and a status of 1."""
    words, command = _divide(sys.argv[1:])
    arguments = _parser().parse_args(words, argparse.Namespace(argv=command))
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: children are ended, too
    try:
        preflight.check_machine()
        cluster = backend.choose(arguments.name)
        return int(arguments.run(cluster, arguments) or 0)
    except ClusterError as error:
        say(f"pilotage cluster: {error}")
        return 1
    except KeyboardInterrupt:
        say("interrupted: say the same again to go on, or `down` to remove what there is")
        return 130


def up(cluster: Cluster, arguments: argparse.Namespace) -> None:
    """Make the cluster run with all that was asked for; what is there and healthy stays."""
    began = time.monotonic()
    with cache.locked(f"cluster-{cluster.name}"):
        bare = arguments.control_plane_only
        if trouble := cluster.trouble(control_plane_only=bare):
            say(f"cluster {cluster.name}: starting it, since {trouble}")
            build(cluster, arguments)
            cluster.up(control_plane_only=bare)
        missing = [] if bare else addons.missing(cluster, gateway=arguments.gateway)
        if missing:
            build(cluster, arguments)
        for addon in missing:
            say(f"cluster {cluster.name}: adding the {addon.name}")
            addons.install(cluster, addon)
    say(f"cluster {cluster.name}: up and healthy ({elapsed(time.monotonic() - began)})")


def down(cluster: Cluster, _: argparse.Namespace) -> None:
    """Remove all of it."""
    with cache.locked(f"cluster-{cluster.name}"):
        cluster.down()
    say(f"cluster {cluster.name}: down")


def build(cluster: Cluster, arguments: argparse.Namespace) -> None:
    """Fill the cache with what `up` needs."""
    bare = getattr(arguments, "control_plane_only", False)
    needed = cluster.needs(control_plane_only=bare)
    if not bare:
        needed += addons.needs(gateway=arguments.gateway)
    _ensure(needed)


def build_images(cluster: Cluster, _: argparse.Namespace) -> None:
    """Build the product's images where their sources changed, and give them to the cluster, if it runs."""
    product = images.product()
    _ensure([images.base_image().artefact, *(image.artefact for image in product)])
    running = not cluster.trouble(control_plane_only=False)
    for image in product:
        if running:
            cluster.load(image.archive)
        print(f"{image.tag}\t{image.archive}")


def load(cluster: Cluster, arguments: argparse.Namespace) -> None:
    """Give the cluster an image from an archive (`docker save`, `buildah push docker-archive:`)."""
    cluster.load(arguments.archive)


def kubeconfig(cluster: Cluster, _: argparse.Namespace) -> None:
    """Print the kubeconfig's path; its server is in the cluster's network, so use it under `exec`."""
    print(cluster.kubeconfig)


def execute(cluster: Cluster, arguments: argparse.Namespace) -> None:
    """Become a command in the cluster's network, with its DNS, KUBECONFIG set, kubectl and helm first on PATH."""
    if not arguments.argv:
        raise ClusterError("exec needs a command: exec -- kubectl get pods")
    path = f"{cluster.tools}:{os.environ.get('PATH', os.defpath)}"
    argv = cluster.command(*arguments.argv)
    os.execvpe(argv[0], argv, {**os.environ, "PATH": path, "KUBECONFIG": str(cluster.kubeconfig)})


def status(cluster: Cluster, _: argparse.Namespace) -> int:
    """Say what there is of the cluster; 0 when it is healthy, 3 when not."""
    trouble = cluster.trouble(control_plane_only=True)
    if trouble:
        print(f"cluster {cluster.name}: {trouble}")
        return 3
    absent = {addon.name for addon in addons.missing(cluster, gateway=True)}
    nodes = "no node (control plane only)" if cluster.trouble(control_plane_only=False) else "the node runs"
    print(f"cluster {cluster.name}: the API is ready, {nodes}; without: {', '.join(sorted(absent)) or 'nothing'}")
    return 0


def _ensure(artefacts: list[Artefact]) -> None:
    if not all(artefact.path.exists() for artefact in artefacts):
        preflight.check_build()
        programs.install_host_commands()
        cache.ensure(artefacts)


def _name(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{,38}[a-z0-9])?", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no name: 1 to 40 of a-z, 0-9 and - (not at an end)")
    return text


def _divide(words: list[str]) -> tuple[list[str], list[str]]:
    """What is ours, and what follows the first `--`; argparse's versions disagree about further ones."""
    at = words.index("--") if "--" in words else len(words)
    return words[:at], words[at + 1 :]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 -m tests.cluster", description="A real Kubernetes on any machine.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[Cluster, argparse.Namespace], int | None]) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=run.__doc__, description=run.__doc__)
        added.add_argument("--name", type=_name, default="pilotage", help="the cluster's name (default: pilotage)")
        added.set_defaults(run=run)
        return added

    starting = command("up", up)
    starting.add_argument("--gateway", action="store_true", help="with Envoy Gateway and a Gateway gateways/public")
    starting.add_argument("--control-plane-only", action="store_true", help="only etcd and the API server")
    command("down", down)
    command("build", build).add_argument("--gateway", action="store_true", help="what the gateway needs as well")
    command("images", build_images)
    command("load", load).add_argument("archive", type=Path)
    command("kubeconfig", kubeconfig)
    command("exec", execute).usage = f"{parser.prog} exec [--name NAME] -- CMD ..."
    command("status", status)
    return parser


if __name__ == "__main__":
    sys.exit(main())
