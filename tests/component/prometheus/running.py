"""The real Prometheus on loopback, fed with counters at exact times: nothing has to be waited for."""

import json
import re
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pilotage.bundle.format import Contract
from pilotage.bundle.reference import Reference
from pilotage.runtime.bins import Array
from pilotage.runtime.identity import Identity
from pilotage.runtime.metrics import Metrics
from tests.cluster.programs import go_programs

NO_CONTRACT, NO_REFERENCE = Contract((), ()), Reference()
SAMPLE = re.compile(r"^(?P<name>\w+)\{(?P<labels>.*)\} (?P<value>\S+)$", re.MULTILINE)
LABEL = re.compile(r'(\w+)="([^"]*)"')
LISTENING = re.compile(r"Listening on.*address=(127\.0\.0\.1:\d+)")


class RunningPrometheus:
    """`url` is where its API answers."""

    def __init__(self, url: str) -> None:
        self.url = url

    def record(self, at: float, *pods: "ServingPod") -> None:
        """What a scrape of these pods at that moment would have stored."""
        self.store(at, *((name, labels, value) for pod in pods for name, labels, value in pod.samples()))

    def store(self, at: float, *samples: tuple[str, Mapping[str, str], float]) -> None:
        """By OTLP as gauges, which leaves names and values as they are."""
        metrics = [
            {
                "name": name,
                "gauge": {
                    "dataPoints": [
                        {
                            "timeUnixNano": str(round(at * 1000) * 1_000_000),
                            "asDouble": value if value == value else "NaN",
                            "attributes": [{"key": k, "value": {"stringValue": v}} for k, v in labels.items()],
                        }
                    ]
                },
            }
            for name, labels, value in samples
        ]
        body = {"resourceMetrics": [{"resource": {}, "scopeMetrics": [{"scope": {}, "metrics": metrics}]}]}
        request = urllib.request.Request(
            f"{self.url}/api/v1/otlp/v1/metrics", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        try:
            urllib.request.urlopen(request, timeout=30).close()
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read(200)) from error


class ServingPod:
    """Counters as a serving process keeps them, by its own code."""

    def __init__(
        self,
        pod: str,
        revision: str,
        start: float,
        *,
        namespace: str = "bank",
        name: str = "fraud",
        contract: Contract = NO_CONTRACT,
        reference: Reference = NO_REFERENCE,
    ) -> None:
        identity = Identity(
            model=name, deployment=name, version="1", revision=revision, start=int(start), bundle_version="1"
        )
        self.metrics = Metrics(identity, {}, contract, reference)
        self._target = {"namespace": namespace, "pod": pod}

    def answer(self, requests: int, errors: int = 0, seconds: float = 0.004) -> None:
        for i in range(requests):
            self.metrics.answered(500 if i < errors else 200, seconds)

    def predict(self, inputs: Mapping[str, Array], outputs: Mapping[str, Array]) -> None:
        """One batch that was answered."""
        rows = len(next(iter(inputs.values())))
        self.metrics.ran(rows, 0.001)
        self.metrics.note(inputs, outputs)
        self.answer(rows)

    def samples(self) -> Iterator[tuple[str, Mapping[str, str], float]]:
        for found in SAMPLE.finditer(self.metrics.render().decode()):
            yield found["name"], {**self._target, **dict(LABEL.findall(found["labels"]))}, float(found["value"])


@contextmanager
def running_prometheus(folder: Path) -> Iterator[RunningPrometheus]:
    """With an empty memory, on a port of the kernel's choice; stopped at the end."""
    binary = go_programs().path / "bin" / "prometheus"
    assert binary.exists(), "Prometheus is not built; run `make cluster` once"
    (folder / "prometheus.yml").write_text("{}\n")
    command = [
        str(binary),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        "--web.listen-address=127.0.0.1:0",
        "--web.enable-otlp-receiver",
        "--storage.tsdb.retention.time=100y",
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            address = _ready(process.stderr)
            # Read on, or it stops when the pipe is full of its log.
            threading.Thread(target=process.stderr.read).start()
            yield RunningPrometheus(f"http://{address}")
        finally:
            process.kill()


def _ready(log: IO[str]) -> str:
    said, address = [], None
    for line in log:
        said.append(line)
        if match := LISTENING.search(line):
            address = match[1]
        if address and "Server is ready to receive web requests" in line:
            return address
    raise AssertionError(f"Prometheus did not start: {''.join(said)}")
