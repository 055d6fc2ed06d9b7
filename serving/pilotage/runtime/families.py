"""The metrics by name: what each counts, and what is read from it. `docs/metrics.md` is made of this."""

from dataclasses import dataclass
from typing import Literal

ON_ALL = ("model", "deployment", "version", "revision", "start")

MOST_FEATURES = 100
MOST_CATEGORIES = 30  # of one feature
MOST_COLUMNS = 20
MOST_CLASSES = 100  # of one output


@dataclass(frozen=True)
class Family:
    """One metric. `labels` are those beside the ones on all; `reading` says what one learns from it."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    means: str
    reading: str


REQUESTS = Family(
    "pilotage_requests_total",
    "counter",
    ("code",),
    "Inference requests answered, by HTTP status code.",
    "The error rate: 5xx against all, canary against stable. 4xx are the callers' own, 429 is overload.",
)
DURATION = Family(
    "pilotage_request_duration_seconds",
    "histogram",
    ("le",),
    "From the last byte of an inference request read to its answer written.",
    "Latency: the share of requests above an edge. The edges are half powers of 1.3, so that none is interpolated.",
)
QUEUE_WAIT = Family(
    "pilotage_queue_wait_seconds",
    "histogram",
    ("le",),
    "Time that a request waited for the model, before its batch ran.",
    "Whether latency is the model's or the load's: long waits ask for replicas, not for another version.",
)
BATCH_ROWS = Family(
    "pilotage_batch_rows",
    "histogram",
    ("le",),
    "Rows of one call of the model.",
    "How far batching carries; its sum is the rows that ran.",
)
MODEL_SECONDS = Family(
    "pilotage_model_seconds_total",
    "counter",
    (),
    "Seconds spent inside the model.",
    "Per row (by the sum of pilotage_batch_rows): what the model costs. Per second: how full the pod is.",
)
IN_FLIGHT = Family(
    "pilotage_requests_in_flight",
    "gauge",
    (),
    "Inference requests read and not answered yet.",
    "Saturation now. It is there from the first scrape on, so that it also shows which pods are scraped.",
)
SHED = Family(
    "pilotage_requests_shed_total",
    "counter",
    ("reason",),
    "Requests given up before the model ran: overload, deadline, client_gone, connections.",
    "What an autoscaler was too late for. The first, second and last also have a code in pilotage_requests_total.",
)
VIOLATIONS = Family(
    "pilotage_contract_violations_total",
    "counter",
    ("feature", "kind"),
    "Values beyond the contract, served or refused: missing, below, above, unknown_category, infinite.",
    "Input quality, canary against stable. A pair appears with its first violation.",
)
FEATURE_VALUES = Family(
    "pilotage_feature_values_total",
    "counter",
    ("input", "feature", "bin"),
    "Values of a feature, by the bins of the bundle's reference.",
    "Drift of the inputs: shares of the bins against those in reference.json, or canary against stable.",
)
OUTPUT_VALUES = Family(
    "pilotage_output_values_total",
    "counter",
    ("output", "column", "bin"),
    "Values of a column of a floating-point output, by the bins of the bundle's reference.",
    "Drift of the answers: PSI over the bins, canary against stable.",
)
PREDICTIONS = Family(
    "pilotage_predictions_total",
    "counter",
    ("output", "class"),
    "Labels answered, by value.",
    "A class's share, canary against stable: a class that goes from 1 % to 9 % is no large PSI.",
)
UNBINNED = Family(
    "pilotage_rows_unbinned_total",
    "counter",
    (),
    "Rows answered that are not in the bins.",
    "How much of the traffic the three families above leave out; 0 but for very large batches.",
)
PAYLOADS_SENT = Family(
    "pilotage_payloads_sent_total",
    "counter",
    (),
    "Entries of the payload log that arrived.",
    "Whether the payload log works; by pilotage_requests_total with code 200: the share that is kept.",
)
PAYLOADS_DROPPED = Family(
    "pilotage_payloads_dropped_total",
    "counter",
    (),
    "Entries of the payload log that did not arrive: its queue was full, or its sink away.",
    "Alert when it grows: what is read from the payload log is no fair sample any more.",
)
RESIDENT = Family(
    "pilotage_process_resident_memory_bytes",
    "gauge",
    (),
    "Memory that the process holds.",
    "Distance to the pod's limit.",
)
CPU = Family(
    "pilotage_process_cpu_seconds_total",
    "counter",
    (),
    "Processor time that the process used.",
    "By pilotage_requests_total: what a request costs.",
)
BUILD = Family(
    "pilotage_build_info",
    "gauge",
    ("digest", "onnxruntime", "python"),
    "What this process runs; always 1.",
    "Which bundle and which runtime stand behind the other series.",
)

FAMILIES = (
    *(REQUESTS, DURATION, QUEUE_WAIT, BATCH_ROWS, MODEL_SECONDS, IN_FLIGHT, SHED),
    *(VIOLATIONS, FEATURE_VALUES, OUTPUT_VALUES, PREDICTIONS, UNBINNED),
    *(PAYLOADS_SENT, PAYLOADS_DROPPED),
    *(RESIDENT, CPU, BUILD),
)
