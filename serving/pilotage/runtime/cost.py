"""What a call of the model takes, learnt while it serves."""

_MEMORY = 0.8  # of what was known, in each new figure


class Cost:
    """Seconds of a call by its number of rows, in classes of powers of two.

    >>> cost = Cost()
    >>> cost.learn(4, 0.002)
    >>> cost.of(4), cost.of(16), cost.of(1)
    (0.002, 0.008, 0.002)
    """

    def __init__(self) -> None:
        self._seconds: list[float] = [0.0] * 33  # 0: not known

    def learn(self, rows: int, seconds: float) -> None:
        """With one more call. One that took far longer than the others counts for twice as long at the most: what
        really became slower is slower again and again."""
        size = min(rows.bit_length(), 32)
        known = self._seconds[size]
        self._seconds[size] = known + (1 - _MEMORY) * (min(seconds, 2 * known) - known) if known else seconds

    def of(self, rows: int) -> float:
        """Seconds that a call will take: as measured; else no dearer a row than the next smaller one that is known,
        and no cheaper than nothing at all: an unknown small call is taken to cost what the next larger one does."""
        size = min(rows.bit_length(), 32)
        if known := self._seconds[size]:
            return known
        for smaller in range(size - 1, 0, -1):
            if known := self._seconds[smaller]:
                return known * 2.0 ** (size - smaller)
        return next((known for known in self._seconds[size:] if known), 0.0)
