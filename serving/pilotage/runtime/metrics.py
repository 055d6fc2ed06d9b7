"""What a serving process counts, and its Prometheus text.

Plain integers and an own renderer: prometheus-client's objects cost more than the model does, and a scrape of theirs
holds the loop for milliseconds. All of it is called on the loop only.
"""

import time
from array import array
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from resource import getpagesize
from typing import Protocol

from pilotage.bundle.format import Contract
from pilotage.bundle.reference import Reference
from pilotage.runtime import families
from pilotage.runtime.drift import Drift
from pilotage.runtime.exposition import CONTENT_TYPE, OTHER, Counts, Histogram, Lines, bucket_edges, label_text, shown
from pilotage.runtime.families import Family
from pilotage.runtime.identity import Identity
from pilotage.runtime.watchlist import Column

__all__ = ["CONTENT_TYPE", "Metrics"]

_TOGETHER = 1024  # answers of a code that are counted at once
_BATCH_EDGES = tuple(float(1 << power) for power in range(13))
_REASONS = ("client_gone", "connections", "deadline", "overload")
_MEMORY = Path("/proc/self/statm")  # absent but on Linux
_NO_CONTRACT, _NO_REFERENCE = Contract((), ()), Reference()


class Payloads(Protocol):
    """What the payload log counts."""

    @property
    def sent(self) -> int: ...
    @property
    def dropped(self) -> int: ...


class Metrics:
    """Counters of one process. Only inference requests are counted, each once, when its answer is written."""

    def __init__(
        self,
        identity: Identity,
        build: Mapping[str, str],
        contract: Contract = _NO_CONTRACT,
        reference: Reference = _NO_REFERENCE,
    ) -> None:
        common = label_text(
            {
                "model": identity.model,
                "deployment": identity.deployment,
                "version": identity.version,
                "revision": identity.revision,
                "start": str(identity.start),
            }
        )
        self.in_flight = 0
        self.refused: Mapping[tuple[str, str], int] = {}
        """What the Door refused, by feature and kind: its own counter, set by whoever has the Door."""
        self.payloads: Payloads | None = None
        """The payload log's own counters, set by whoever has it."""
        self._drift = Drift(contract, reference)
        self.note = self._drift.note
        self._durations = Histogram(families.DURATION, common, bucket_edges())
        self._waits = Histogram(families.QUEUE_WAIT, common, bucket_edges())
        self.waited = self._waits.add
        """Seconds that one request was queued."""
        self._batch_rows = Histogram(families.BATCH_ROWS, common, _BATCH_EDGES)
        self._model_seconds = 0.0
        # Zeros are there from the first scrape on, so that a pod without traffic is seen.
        self._by_code: dict[int, int] = defaultdict(int, {200: 0})
        self._answered: dict[int, array[float]] = defaultdict(lambda: array("d"))  # seconds by code, to be counted
        self._by_reason: dict[str, int] = defaultdict(int, dict.fromkeys(_REASONS, 0))
        self._codes = Counts(families.REQUESTS, common)
        self._reasons = Counts(families.SHED, common)
        self._violations = _Violations(common, contract, self._drift.features)
        self._features = _Binned(families.FEATURE_VALUES, common, self._drift.features, "bin")
        self._outputs = _Binned(families.OUTPUT_VALUES, common, self._drift.outputs, "bin")
        self._classes = _Binned(families.PREDICTIONS, common, self._drift.classes, "class")
        singles = (
            *(families.MODEL_SECONDS, families.IN_FLIGHT, families.UNBINNED, families.CPU),
            *(families.PAYLOADS_SENT, families.PAYLOADS_DROPPED),
            *((families.RESIDENT,) if _MEMORY.exists() else ()),
        )
        self._singles = {family: Lines(family, common, [{}]) for family in singles}
        self._build = Lines(families.BUILD, common, [build])

    def answered(self, code: int, seconds: float) -> None:
        """Count one answer; `seconds` from the last byte of the request read to the answer written."""
        waiting = self._answered[code]
        waiting.append(seconds)
        if len(waiting) >= _TOGETHER:
            self._collect()

    def ran(self, rows: int, seconds: float) -> None:
        """Count one call of the model."""
        self._batch_rows.add(rows)
        self._model_seconds += seconds

    def shed(self, reason: str) -> None:
        """Count a request that was given up before the model ran."""
        self._by_reason[reason] += 1

    def render(self) -> bytes:
        """All of it in Prometheus' text format 0.0.4."""
        self._collect()
        self._drift.collect()
        features = self._features.counts()
        values = {
            families.MODEL_SECONDS: self._model_seconds,
            families.IN_FLIGHT: self.in_flight,
            families.UNBINNED: self._drift.unbinned,
            families.CPU: time.process_time(),
            families.PAYLOADS_SENT: self.payloads.sent if self.payloads else 0,
            families.PAYLOADS_DROPPED: self.payloads.dropped if self.payloads else 0,
        }
        if families.RESIDENT in self._singles:
            values[families.RESIDENT] = _resident()
        parts = [
            self._codes.text({(str(code),): count for code, count in self._by_code.items()}),
            self._durations.text(),
            self._waits.text(),
            self._batch_rows.text(),
            self._reasons.text({(reason,): count for reason, count in self._by_reason.items()}),
            self._violations.text(features, self.refused),
            self._features.text(features),
            self._outputs.text(self._outputs.counts()),
            self._classes.text(self._classes.counts()),
            *(self._singles[family].text([value]) for family, value in values.items()),
            self._build.text([1]),
        ]
        return "".join(parts).encode()

    def _collect(self) -> None:
        for code, waiting in self._answered.items():
            self._by_code[code] += len(waiting)
            self._durations.count(waiting)
            del waiting[:]
        self._waits.collect()
        self._batch_rows.collect()


class _Binned:
    """The bins of all columns of a kind, as one family."""

    def __init__(self, family: Family, common: str, columns: Sequence[Column], label: str) -> None:
        self._bins = [column.bins for column in columns]
        series = [{**column.names, label: name} for column in columns for name in column.bins.labels]
        self._lines = Lines(family, common, series)

    def counts(self) -> list[int]:
        return [count for bins in self._bins for count in bins.counts()]

    def text(self, counts: list[int]) -> str:
        return self._lines.text(counts)


class _Violations:
    """What was refused, and of what was served the bins that the contract does not allow."""

    def __init__(self, common: str, contract: Contract, features: Sequence[Column]) -> None:
        bins = ((column, name) for column in features for name in column.bins.labels)
        self._served = [
            (place, (column.names["feature"], column.kinds[name]))
            for place, (column, name) in enumerate(bins)
            if name in column.kinds
        ]
        names = (name for tensor in contract.inputs for name in [f.name for f in tensor.features] or [tensor.name])
        self._refusable = {name: shown(name) for name in islice(names, families.MOST_FEATURES)}
        self._counts = Counts(families.VIOLATIONS, common)

    def text(self, features: list[int], refused: Mapping[tuple[str, str], int]) -> str:
        """`features`: the counts of all their bins."""
        found: Counter[tuple[str, ...]] = Counter()
        for place, key in self._served:
            if features[place]:
                found[key] += features[place]
        for (name, kind), count in refused.items():
            found[self._refusable.get(name, OTHER), kind] += count
        return self._counts.text(found)


def _resident() -> int:
    return int(_MEMORY.read_bytes().split()[1]) * getpagesize()
