"""Why a goal was missed, by the goal's title: shown in the report as long as it is missed."""

MISSES: dict[str, str] = {
    "metrics and drift, of a request's CPU": (
        "The rounds disagreed, from 2 % to 20 %, on a machine that had other work; in one process it was 3 to 5 %."
    ),
    "seconds to ready": "Most of it is the import of numpy and ONNX Runtime.",
    "p99 at half load ÷ MLServer's": (
        "Half load is 28 times MLServer's here, and the generator itself was late by 3.3 ms at its p99."
    ),
}
