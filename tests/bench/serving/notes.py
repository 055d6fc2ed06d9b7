"""Why a goal was missed, by the goal's title: shown in the report as long as it is missed."""

MISSES: dict[str, str] = {
    "REST, iris, logistic regression: rate ÷ MLServer's": (
        "A third of our time is the kernel's, for one read and one write; half is Python's, some 70 calls a request, "
        "which cost twice as much between system calls as in a loop of their own."
    ),
    "REST, network: rate ÷ MLServer's": (
        "784 numbers of JSON take 22 µs to read, and a batch of 16 rows reads all of the weights from the third cache."
    ),
    "REST, iris: CPU per request ÷ `session.run`'s": (
        "The kernel's share of a request alone is as much as `session.run` takes on this machine; the rest is Python's."
    ),
    "p99 at half load ÷ MLServer's": (
        "Half load is twenty times MLServer's here, and the longest waits are pauses of the machine, which hit both."
    ),
}
