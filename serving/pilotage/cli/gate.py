"""`fetch` and `probe`: the two steps of a ModelVersion's Job, each leaving a report and an exit code.

Only what makes no report possible is a user error; a refusal is 1, a registry that is away 75 (EX_TEMPFAIL).
"""

import argparse
import sys

from pilotage.bundle.errors import BundleError, Unavailable
from pilotage.checks.report import Finding, Report, write


def fetch_command(chosen: argparse.Namespace) -> int:
    from pilotage.bundle.fetch import fetch
    from pilotage.bundle.oci import Credentials

    try:
        fetch(
            chosen.uri,
            chosen.digest,
            chosen.into,
            plain_http=chosen.plain_http,
            credentials=Credentials.read(chosen.credentials) if chosen.credentials else None,
            max_bytes=chosen.max_bytes,
        )
    except BundleError as error:
        return _leave(Report("fetch", "refused", (Finding.failed(error),)))
    except Unavailable as error:
        return _leave(Report("fetch", "unavailable", (Finding("source", "fail", message=str(error)),)))
    message = f"fetched from {chosen.uri}, every byte as the digest says"
    return _leave(Report("fetch", "passed", (Finding("digest", "pass", chosen.digest, message=message),)))


def probe_command(chosen: argparse.Namespace) -> int:
    from pilotage.checks.probe import probe

    return _leave(probe(chosen.directory, rtol=chosen.rtol, atol=chosen.atol, memory=chosen.memory))


def _leave(report: Report) -> int:
    write(report)
    for finding in report.findings:
        print(f"{finding.verdict} {finding.check}: {finding.message} {finding.figure}".rstrip(), file=sys.stderr)
    return report.exit_code
