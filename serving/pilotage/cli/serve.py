"""`serve`: the server of one bundle, on a laptop as in a pod."""

import argparse


def serve_command(chosen: argparse.Namespace) -> int:
    from pilotage.transport.server import serve

    return serve(
        chosen.directory,
        host=chosen.host,
        port=chosen.port,
        digest=chosen.digest,
        max_body=chosen.max_body,
        connection_seconds=chosen.connection_seconds,
        drain_seconds=chosen.drain_seconds,
    )
