"""What a serving process counts, and its Prometheus text.

Plain integers and an own renderer: prometheus-client's objects cost more than the model does, and a scrape of theirs
holds the loop for milliseconds.
"""

from bisect import bisect_left
from itertools import accumulate, count, takewhile

from pilotage.runtime.identity import Identity

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def bucket_edges() -> tuple[float, ...]:
    """Upper edges in seconds: 0.1 ms · 1.3^(k/2), up to the first that is 16 s or more, rounded to 6 digits.

    Judging a quantile without interpolation needs edges this fine: with the usual ones a doubling is never seen.

    >>> bucket_edges()[:3], bucket_edges()[-1]
    ((0.0001, 0.000114018, 0.00013), 17.4339)
    """
    exact = (0.0001 * 1.3 ** (k / 2) for k in count())
    edges = list(takewhile(lambda edge: edge < 16, exact))
    edges.append(0.0001 * 1.3 ** (len(edges) / 2))
    return tuple(float(f"{edge:.6g}") for edge in edges)


class Metrics:
    """Counters of one process. Only inference requests are counted, each once, when its answer is written."""

    def __init__(self, identity: Identity, build: dict[str, str]) -> None:
        labels = {
            "model": identity.model,
            "deployment": identity.deployment,
            "version": identity.version,
            "revision": identity.revision,
            "start": str(identity.start),
        }
        self._labels = _text(labels)
        self._build = _text({**labels, **build})
        self._edges = bucket_edges()
        self._counts = [0] * (len(self._edges) + 1)  # the last one: above every edge
        self._seconds = 0.0
        self._by_code = {200: 0}  # there from the first scrape on, so that a pod without traffic is seen
        self.in_flight = 0

    def answered(self, code: int, seconds: float) -> None:
        """Count one answer; `seconds` from the last byte of the request read to the answer written."""
        self._by_code[code] = self._by_code.get(code, 0) + 1
        self._counts[bisect_left(self._edges, seconds)] += 1
        self._seconds += seconds

    def render(self) -> bytes:
        """All of it in Prometheus' text format 0.0.4."""
        labels = self._labels
        duration = "pilotage_request_duration_seconds"
        below = list(accumulate(self._counts))
        lines = [
            "# HELP pilotage_requests_total Inference requests answered, by HTTP status code.",
            "# TYPE pilotage_requests_total counter",
            *(f'pilotage_requests_total{{{labels},code="{code}"}} {n}' for code, n in sorted(self._by_code.items())),
            f"# HELP {duration} From the last byte of an inference request read to its answer written.",
            f"# TYPE {duration} histogram",
            *(
                f'{duration}_bucket{{{labels},le="{edge!r}"}} {n}'
                for edge, n in zip(self._edges, below[:-1], strict=True)
            ),
            f'{duration}_bucket{{{labels},le="+Inf"}} {below[-1]}',
            f"{duration}_sum{{{labels}}} {self._seconds!r}",
            f"{duration}_count{{{labels}}} {below[-1]}",
            "# HELP pilotage_requests_in_flight Inference requests read and not answered yet.",
            "# TYPE pilotage_requests_in_flight gauge",
            f"pilotage_requests_in_flight{{{labels}}} {self.in_flight}",
            "# HELP pilotage_build_info What this process runs; always 1.",
            "# TYPE pilotage_build_info gauge",
            f"pilotage_build_info{{{self._build}}} 1",
            "",
        ]
        return "\n".join(lines).encode()


def _text(labels: dict[str, str]) -> str:
    return ",".join(f'{name}="{_escape(value)}"' for name, value in labels.items())


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
