"""What hypothesis draws from: versions, what they are like, ways to roll out, and checks."""

from __future__ import annotations

from typing import Any

from tests.unit.rollout.world import STEPS

VERSIONS = ("v1", "v2", "v3", "v4")
FIRST = ("good", "good", "good", "errors", "crashing", "hanging")
NATURES = (*4 * ("good",), *2 * ("errors",), *("slow", "skewed", "confused"), *("crashing", "out of memory"),
           *("hanging", "pending"))  # fmt: skip
CHECKS: tuple[dict[str, Any], ...] = (
    {"errorRate": {}},
    {"latency": {}},
    {"predictionShare": {"class": "1"}},
    {"inputQuality": {}},
)
WAYS: tuple[list[dict[str, Any]], ...] = (
    STEPS,
    [],
    [{"weight": 10, "for": "10s"}],
    [{"weight": 100, "for": "10s"}],
    [{"shadow": True, "for": "10s"}, {"weight": 50, "for": "10s"}],
    [{"approval": True}, {"weight": 50, "for": "10s"}],
    [{"weight": 25, "for": "10s"}, {"approval": True}, {"weight": 97, "for": "10s"}],
    [{"weight": w, "for": "5s"} for w in (1, 20, 40, 60, 80)],
)
REFUSED = {"steps": [{"weight": 25, "for": "3h"}], "progressDeadline": "1h"}
