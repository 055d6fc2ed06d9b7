"""The command line; each command imports what it needs only when it runs."""

import argparse
import sys
from collections.abc import Sequence

from pilotage.bundle.errors import BundleError, Unavailable
from pilotage.cli.arguments import parser

USER_ERROR = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; what a user did wrong is one sentence and exit code 2."""
    chosen = parser().parse_args(arguments)
    try:
        return _run(chosen)
    except (BundleError, Unavailable, OSError) as error:
        print(f"pilotage {chosen.command}: {error}", file=sys.stderr)
        return USER_ERROR


def _run(chosen: argparse.Namespace) -> int:
    match chosen.command:
        case "fetch":
            from pilotage.cli.gate import fetch_command as command
        case "probe":
            from pilotage.cli.gate import probe_command as command
        case "serve":
            from pilotage.cli.serve import serve_command as command
        case "push":
            from pilotage.cli.author import push_command as command
        case "check":
            from pilotage.cli.author import check_command as command
        case _:
            from pilotage.cli.release import release_command as command
    return command(chosen)
