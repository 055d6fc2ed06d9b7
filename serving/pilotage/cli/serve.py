"""`serve`: the server of one bundle, on a laptop as in a pod."""

import argparse
import json
import os
import sys
from pathlib import Path

from pilotage.bundle.format import GOLDEN, BundleDocument
from pilotage.cli.source import bundle_of


def serve_command(chosen: argparse.Namespace) -> int:
    # One process, one core: numpy, which reads this when it is imported, would start a thread for each of the node's.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    directory, digest = bundle_of(
        chosen.source, chosen.digest, plain_http=chosen.plain_http, credentials=chosen.credentials
    )
    from pilotage.transport.log.logs import LogSettings
    from pilotage.transport.server import serve
    from pilotage.transport.settings import Settings

    def show(document: BundleDocument, digest: str, url: str) -> None:
        from pilotage.cli.banner import banner

        print(banner(document, _golden_request(directory), url, digest), file=sys.stderr, flush=True)

    settings = Settings(
        directory=directory,
        host=chosen.host,
        port=chosen.port,
        grpc_port=chosen.grpc_port,
        digest=digest,
        max_body=chosen.max_body,
        connection_seconds=chosen.connection_seconds,
        drain_seconds=chosen.drain_seconds,
        log=LogSettings(
            access_per_second=chosen.access_log,
            access_errors_per_second=chosen.access_log_errors,
            payload_log=chosen.payload_log,
            payload_sample=chosen.payload_sample,
            payload_batch=chosen.payload_batch,
        ),
    )
    return serve(settings, show if chosen.banner or sys.stderr.isatty() else None)


def _golden_request(directory: Path) -> dict[str, object]:
    with (directory / GOLDEN).open("rb") as file:
        request: dict[str, object] = json.loads(file.readline())["request"]
    return request
