"""Kubernetes Events: what `kubectl describe` shows below an object."""

from __future__ import annotations

import os
import socket
import uuid
from datetime import datetime
from typing import Any

from pilotage_operator.api import names

# Limits of events.k8s.io/v1; a longer one is refused whole.
MAX_NOTE = 1024
MAX_WORD = 128


def event(regarding: dict[str, Any], *, type: str, reason: str, message: str, now: datetime) -> dict[str, Any]:
    """The body of an Event about an object, in that object's namespace. Too long a message ends in `…`."""
    metadata = regarding["metadata"]
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": f"{metadata['name']}.{uuid.uuid4().hex[:16]}", "namespace": metadata["namespace"]},
        "eventTime": now.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "type": type,
        "reason": reason[:MAX_WORD],
        "action": reason[:MAX_WORD],
        "note": _shorten(message),
        "reportingController": f"{names.GROUP}/operator",
        "reportingInstance": os.environ.get("POD_NAME", socket.gethostname())[:MAX_WORD],
        "regarding": {
            "apiVersion": regarding["apiVersion"],
            "kind": regarding["kind"],
            "namespace": metadata["namespace"],
            "name": metadata["name"],
            "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"],
        },
    }


def _shorten(message: str) -> str:
    """At most MAX_NOTE bytes, which is how the API server counts."""
    raw = message.encode()
    return message if len(raw) <= MAX_NOTE else raw[: MAX_NOTE - 3].decode(errors="ignore") + "…"
