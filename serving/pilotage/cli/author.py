"""`push` and `check`: what the maker of a model does with a bundle."""

import argparse

from pilotage.checks.report import Report


def push_command(chosen: argparse.Namespace) -> int:
    from pilotage.bundle.oci import Credentials
    from pilotage.bundle.push import push

    credentials = Credentials.read(chosen.credentials) if chosen.credentials else None
    print(push(chosen.directory, chosen.uri, tag=chosen.tag, plain_http=chosen.plain_http, credentials=credentials))
    return 0


def check_command(chosen: argparse.Namespace) -> int:
    from pilotage.checks.probe import probe

    report = probe(chosen.directory, rtol=chosen.rtol, atol=chosen.atol, memory=None)
    print(table(report))
    return report.exit_code


def table(report: Report) -> str:
    """The findings, one a line: verdict, check, figure against limit, sentence."""
    lines = []
    for finding in report.findings:
        measured = f"{finding.figure} (limit {finding.limit})" if finding.limit else finding.figure
        lines.append(f"{finding.verdict:<5} {finding.check:<10} {'  '.join(filter(None, (measured, finding.message)))}")
    return "\n".join(lines)
