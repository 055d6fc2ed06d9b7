"""All that one run of the bench has seen, and its form in a file, so that the report can be written again."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from tests.bench.serving.figures import Goal, Sample
from tests.bench.serving.measure import LIMIT, Pace, Start
from tests.bench.serving.steady import Seen


@dataclass
class Results:
    """`cases` by case and contender; what was not measured is not in it."""

    date: str
    machine: dict[str, str]
    pace: Pace
    cases: dict[str, dict[str, Sample]] = field(default_factory=dict)
    starts: dict[str, Start] = field(default_factory=dict)
    half: dict[str, Seen] = field(default_factory=dict)

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        # json, not msgspec, writes: it keeps nan.
        path.write_text(json.dumps(msgspec.to_builtins(self, str_keys=True), indent=1) + "\n")

    @classmethod
    def load(cls, path: Path) -> Results:
        return msgspec.convert(json.loads(path.read_text()), cls, strict=False, str_keys=True)

    def goals(self) -> list[Goal]:
        """The issue's table, with what was seen; nan where it was not measured."""
        return [
            Goal("REST, iris, logistic regression: rate ÷ MLServer's", 45, 30, self._faster("iris"), True, "{:.1f}×"),
            Goal("REST, iris, gradient boosting: rate ÷ MLServer's", 45, 30, self._faster("boosting"), True, "{:.1f}×"),
            Goal("REST, network: rate ÷ MLServer's", 20, 12, self._faster("mlp", "mlserver-onnx"), True, "{:.1f}×"),
            Goal(
                "gRPC, iris: rate ÷ MLServer's",
                15,
                3.5,
                self._faster("grpc", "mlserver", "pilotage-grpc"),
                True,
                "{:.1f}×",
            ),
            Goal("REST, iris: CPU per request ÷ `session.run`'s", 1.6, 2.5, self._above_limit(), False, "{:.2f}"),
            Goal("metrics and drift, of a request's CPU", 5, 10, self._metrics(), False, "{:.1f} %"),
            Goal("memory (PSS) with iris", 60, 75, self._start("pilotage").pss / 1e6, False, "{:.0f} MB"),
            Goal("seconds to ready", 0.25, 0.4, self._start("pilotage").ready, False, "{:.2f} s"),
            Goal("p99 at half load ÷ MLServer's", 20, 8, self._half(), True, "1/{:.0f}"),
        ]

    def faster(self, case: str, rival: str) -> float:
        """How many times the answers of `rival` the first contender gives."""
        samples = self.cases[case]
        return next(iter(samples.values())).rate / samples[rival].rate

    def _faster(self, case: str, rival: str = "mlserver", ours: str = "pilotage") -> float:
        samples = self.cases.get(case, {})
        return samples[ours].rate / samples[rival].rate if ours in samples and rival in samples else math.nan

    def _above_limit(self) -> float:
        samples = self.cases.get("iris", {})
        return samples["pilotage"].cpu / samples[LIMIT].cpu if LIMIT in samples else math.nan

    def _metrics(self) -> float:
        samples = self.cases.get("metrics", {})
        return 100 * (1 - samples["pilotage-bare"].cpu / samples["pilotage"].cpu) if samples else math.nan

    def _start(self, name: str) -> Start:
        return self.starts.get(name, Start(math.nan, math.nan))

    def _half(self) -> float:
        """How many times our p99 theirs is."""
        if not self.half:
            return math.nan
        return self.half["mlserver"].codes[200].p99 / self.half["pilotage"].codes[200].p99
