"""Why a goal was missed, by the goal's title: shown in the report as long as it is missed."""

MISSES: dict[str, str] = {
    "REST, iris, logistic regression: rate ÷ MLServer's": (
        "Nearly half of our time is the kernel's, for one read and one write. A loop that does no more than read, run "
        "and write, without contract, limits, metrics and logs, takes six tenths of it."
    ),
    "REST, network: rate ÷ MLServer's": (
        "Some 45 of the 50 µs are not Python's: 20 to read 784 numbers of JSON, 15 for the row's products of matrices, "
        "10 in the kernel."
    ),
    "REST, iris: CPU per request ÷ `session.run`'s": (
        "The kernel's share of a request alone is more than `session.run` takes. A loop that does no more than read, "
        "run and write, without contract, limits, metrics and logs, comes to 1.9."
    ),
    "metrics and drift, of a request's CPU": (
        "Runs of one day gave 3.7 to 13.1 %, seven rounds of this case alone 5.2 and 7.5 %: the machine's modes last "
        "longer than a round."
    ),
    "p99 at half load ÷ MLServer's": "Half load is thirty times MLServer's here.",
}
