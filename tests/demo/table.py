"""The one live table: who serves what share, what each check says, what happened last."""

from __future__ import annotations

from typing import Any

from rich.console import Group
from rich.panel import Panel
from rich.table import Table

from tests.demo.record import Record

COLOURS = {"pass": "green", "fail": "red", "unknown": "yellow"}
PHASES = {"Healthy": "green", "RolledBack": "red", "Invalid": "red", "Paused": "yellow"}


def table(record: Record) -> Panel:
    """What stands now, as a picture for a terminal."""
    if not record.moments:
        return Panel("waiting for the first version")
    now = record.moments[-1]
    status, phase = now.status, now.status.get("phase", "-")
    title = f"tumour: [{PHASES.get(phase, 'cyan')}]{phase}[/]  {now.at:.0f} s"
    last = (status.get("history") or [{"event": "-", "message": ""}])[-1]
    footer = f"[bold]{last['event']}[/] {last.get('message', '')}"
    lost = f"sent {now.tally.sent}   lost {now.tally.lost}   5xx {now.tally.failed()}"
    return Panel(
        Group(_versions(status, record), _checks(status), status.get("message", ""), footer, lost), title=title
    )


def _versions(status: dict[str, Any], record: Record) -> Table:
    shown = Table("version", "role", "asked", "seen", "5xx", "pods", expand=True)
    recent = record.recent()
    for role in ("stable", "canary"):
        served = status.get(role)
        if served:
            version = served.get("version") or served["modelVersion"]
            seen = f"{100 * recent.of(version) / recent.answered:.0f} %" if recent.answered else "-"
            errors = f"{100 * recent.failed(version) / recent.of(version):.0f} %" if recent.of(version) else "-"
            pods = f"{served.get('ready', 0)}/{served.get('replicas', 0)}"
            shown.add_row(served["modelVersion"], role, f"{served.get('weight', 0)} %", seen, errors, pods)
    return shown


def _checks(status: dict[str, Any]) -> Table:
    shown = Table("check", "verdict", "figure", "limit", "evidence", expand=True)
    for check in status.get("checks") or []:
        verdict = f"[{COLOURS[check['verdict']]}]{check['verdict']}[/]"
        shown.add_row(
            check["name"], verdict, check.get("figure", ""), check.get("limit", ""), check.get("evidence", "")
        )
    return shown


def line(record: Record) -> str:
    """The same in one line, for a log."""
    now = record.moments[-1]
    checks = ", ".join(f"{c['name']} {c['verdict']}" for c in now.status.get("checks") or [])
    counts = f"sent {now.tally.sent} lost {now.tally.lost} 5xx {now.tally.failed()}"
    return f"{now.at:4.0f} s  {now.status.get('message', '')}  [{checks}]  {counts}"
