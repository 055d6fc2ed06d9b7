"""Names, meanings and defaults of the commands' arguments."""

import argparse
from pathlib import Path


def parser() -> argparse.ArgumentParser:
    """The whole command line; nothing heavy is imported for `--help`."""
    root = argparse.ArgumentParser(prog="pilotage", description="Bring a checked model version into production.")
    commands = root.add_subparsers(dest="command", required=True, metavar="COMMAND")

    check = commands.add_parser("check", help="check a bundle as a cluster will")
    _add_directory(check)
    _add_tolerances(check)

    push = commands.add_parser("push", help="push a bundle to an OCI registry and print its digest")
    _add_directory(push)
    push.add_argument("uri", help="oci://host[:port]/name")
    push.add_argument("--tag", help="a name for people; the digest is what is served")
    _add_registry(push)

    release = commands.add_parser("release", help="write the YAML that releases a pushed bundle")
    release.add_argument("name", help="the model's name")
    release.add_argument("version", help="its version")
    release.add_argument("--into", type=Path, required=True, metavar="DIR", help="folder of the YAML files")
    release.add_argument("--uri", required=True, help="oci://host[:port]/name")
    release.add_argument("--digest", required=True, help="sha256:…, as push printed it")
    release.add_argument("--deployment", help="the ModelDeployment to change (default: NAME)")

    serve = commands.add_parser("serve", help="serve a bundle over HTTP (Open Inference Protocol)")
    serve.add_argument("source", metavar="DIR|oci://…", help="the bundle's folder, or oci://host[:port]/name@sha256:…")
    serve.add_argument("--host", default="0.0.0.0")  # noqa: S104 a pod's address is only known to its cluster
    serve.add_argument("--port", type=int, default=8080)
    serve.add_argument("--grpc-port", type=int, metavar="PORT", help="gRPC as well, on a port of its own")
    serve.add_argument("--digest", help="refuse to serve any other bundle")
    serve.add_argument("--max-body", type=_positive, default=16 << 20, metavar="BYTES", help="default 16 MiB")
    serve.add_argument("--connection-seconds", type=_positive, default=60, help="a kept connection's life, jittered")
    serve.add_argument("--drain-seconds", type=_not_negative, default=20, help="time for open requests after SIGTERM")
    serve.add_argument("--access-log", type=_whole, default=1, metavar="N", help="lines a second for good answers")
    serve.add_argument("--access-log-errors", type=_whole, default=10, metavar="N", help="and for errors")
    serve.add_argument("--payload-log", default="", metavar="stdout|URL", help="log requests and answers (default: no)")
    serve.add_argument("--payload-sample", type=_share, default=0.01, metavar="SHARE", help="of requests; default 0.01")
    serve.add_argument("--payload-batch", type=_positive, default=1, metavar="N", help="events in one call of the sink")
    serve.add_argument("--banner", action="store_true", help="show the contract and a request, as at a terminal")
    _add_registry(serve)

    fetch = commands.add_parser("fetch", help="download a bundle and verify every byte")
    fetch.add_argument("--uri", required=True, help="oci://host[:port]/name")
    fetch.add_argument("--digest", required=True, help="sha256:… of the bundle")
    fetch.add_argument("--into", type=Path, required=True, metavar="DIR")
    fetch.add_argument("--max-bytes", type=_positive, default=2 << 30, metavar="BYTES", help="in all; default 2 GiB")
    _add_registry(fetch)

    probe = commands.add_parser("probe", help="run the checks of a ModelVersion's gate and leave a report")
    _add_directory(probe)
    _add_tolerances(probe)
    probe.add_argument("--memory", type=_positive, metavar="BYTES", help="what the process may hold while it runs")
    return root


def _add_directory(command: argparse.ArgumentParser) -> None:
    command.add_argument("directory", type=Path, metavar="DIR", help="the bundle's folder")


def _add_tolerances(command: argparse.ArgumentParser) -> None:
    command.add_argument("--rtol", type=_not_negative, default=1e-4, help="golden answers: relative difference")
    command.add_argument("--atol", type=_not_negative, default=1e-5, help="golden answers: absolute difference")


def _add_registry(command: argparse.ArgumentParser) -> None:
    command.add_argument("--plain-http", action="store_true", help="the registry speaks HTTP, not HTTPS")
    command.add_argument(
        "--credentials", type=Path, metavar="DIR", help="folder with the files registry, username, password"
    )


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _not_negative(text: str) -> float:
    number = float(text)
    if not 0 <= number < float("inf"):
        raise argparse.ArgumentTypeError("must be 0 or more")
    return number


def _whole(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError("must be 0 or more")
    return number


def _share(text: str) -> float:
    number = float(text)
    if not 0 < number <= 1:
        raise argparse.ArgumentTypeError("must be above 0 and at most 1")
    return number
