"""The population stability index of two samples, with its bias and its noise taken off; a sequential test on it.

Shares of the bins are means over intervals, weighted by w = n_c n_s / (n_c + n_s), so that a mix that wanders for both
alike cancels. With W = Σ w, φ the dispersion and h = φ/W, a canary equal to stable has an expected PSI of (B - 1) h,
and one at PSI L a variance of about 4 L h + 2 (B - 1) h². The boundary is that of a normal mixture, which may be looked
at after every interval: an asymptotic confidence sequence, not an exact one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf, log, sqrt

from pilotage_operator.domain.analysis.confidence import Z
from pilotage_operator.domain.analysis.counts import summed
from pilotage_operator.domain.analysis.dispersion import PRIOR, SAFETY
from pilotage_operator.domain.analysis.evidence import MIN_REQUESTS
from pilotage_operator.domain.analysis.finding import Verdict

LEAST_INTERVALS = 4
MIXTURE = 200.0  # at how much evidence the boundary is the tightest
ALPHA_PASS = 0.05

Bins = Mapping[str, int]
Shares = Mapping[str, float]


@dataclass(frozen=True)
class Stability:
    """Follows one distribution."""

    spread: tuple[float, float] = (PRIOR, PRIOR)  # χ² among stable's own pods, and its degrees of freedom
    last: Bins = field(default_factory=dict)  # stable's interval before, where it has one pod only
    weight: float = 0.0  # W
    intervals: int = 0
    shares: tuple[Shares, Shares] = ({}, {})  # of stable and canary: Σ w · share
    counted: tuple[Bins, Bins] = ({}, {})  # all of it

    def anew(self) -> Stability:
        """Without evidence; what is known of the scatter stays."""
        return Stability(spread=self.spread, last=self.last)

    def after(self, of_stable: Sequence[Bins], of_canary: Sequence[Bins]) -> Stability:
        """With one more interval, of each pod."""
        stable, canary = summed(of_stable), summed(of_canary)
        n_s, n_c = sum(stable.values()), sum(canary.values())
        following = self
        if n_s and n_c:
            w = n_s * n_c / (n_s + n_c)
            following = replace(
                self,
                weight=self.weight + w,
                intervals=self.intervals + 1,
                shares=(_plus(self.shares[0], stable, w / n_s), _plus(self.shares[1], canary, w / n_c)),
                counted=(summed([self.counted[0], stable]), summed([self.counted[1], canary])),
            )
        pods = [bins for bins in of_stable if sum(bins.values())]
        chi_square, freedom = chi_squared(pods if len(pods) > 1 else [self.last, stable])
        spread = self.spread[0] + chi_square, self.spread[1] + freedom
        return replace(following, spread=spread, last=stable if n_s else self.last)

    @property
    def phi(self) -> float:
        """By what the evidence is to be divided; at least 1.25."""
        return SAFETY * max(1.0, self.spread[0] / self.spread[1])

    @property
    def _grain(self) -> float:
        return self.phi / self.weight  # h

    @property
    def _bins(self) -> list[str]:
        """Those in which anything was."""
        of_stable, of_canary = self.counted
        return sorted(at for at in of_stable.keys() | of_canary.keys() if of_stable.get(at) or of_canary.get(at))

    @property
    def psi(self) -> float:
        """Without the bias; below 0 by chance."""
        if not self.weight:
            return 0.0
        return sum(self._parts().values()) - (len(self._bins) - 1) * self._grain

    def _parts(self) -> dict[str, float]:
        h, bins = self._grain, self._bins
        whole = 1 + 0.5 * h * len(bins)

        def share(side: int, at: str) -> float:
            return (self.shares[side].get(at, 0.0) / self.weight + 0.5 * h) / whole

        return {at: (share(1, at) - share(0, at)) * log(share(1, at) / share(0, at)) for at in bins}

    def deviation(self, psi: float) -> float:
        """Standard deviation of the index where it is truly `psi`."""
        return deviation_at(psi, self._grain, len(self._bins))

    def verdict(self, limit: float, alpha: float) -> Verdict:
        """fail above L + k(α) sd, pass below L - k(0.05) sd."""
        if self.intervals < LEAST_INTERVALS or min(sum(c.values()) for c in self.counted) < MIN_REQUESTS:
            return "unknown"
        noise = self.deviation(limit)
        if self.psi > limit + boundary(alpha, self._grain) * noise:
            return "fail"
        return "pass" if self.psi < limit - boundary(ALPHA_PASS, self._grain) * noise else "unknown"

    def between(self) -> tuple[float, float]:
        """Where the index lies with 95 % confidence, at this look."""
        half = Z * self.deviation(self.psi)
        return max(0.0, self.psi - half), max(0.0, self.psi + half)

    def needed(self, limit: float) -> float:
        """About how many of the canary's rows show a PSI of 0 to be below the limit, at the present shares."""
        low, high = 1.0, 1e9
        bins = max(len(self._bins), 2)
        ratio = 1.0  # the canary's rows for each unit of W
        if self.weight:
            ratio = sum(self.counted[1].values()) / self.weight
        for _ in range(60):
            middle = sqrt(low * high)
            h = self.phi / middle
            enough = limit > boundary(ALPHA_PASS, h) * deviation_at(limit, h, bins)
            low, high = (low, middle) if enough else (middle, high)
        return inf if high >= 9e8 else max(MIN_REQUESTS, high * ratio)

    def moved(self) -> tuple[str, tuple[int, int], tuple[int, int]]:
        """The bin that makes most of the index; the canary's count in it and in all, and stable's."""
        parts = self._parts()
        at = max(parts, key=lambda name: parts[name])
        of_stable, of_canary = self.counted
        return at, (of_canary.get(at, 0), sum(of_canary.values())), (of_stable.get(at, 0), sum(of_stable.values()))


def boundary(alpha: float, h: float) -> float:
    """k(α): with h = 1/200, √(2 (ln 2 + 2 ln(1/2α))), which is 4.5 at 0.0025."""
    spent = MIXTURE * h
    return sqrt((1 + spent) * (log(1 + 1 / spent) + 2 * log(1 / (2 * alpha))))


def deviation_at(psi: float, h: float, bins: int) -> float:
    """Standard deviation of the index where it is truly `psi`."""
    return sqrt(4 * max(psi, 0.0) * h + 2 * (bins - 1) * h**2)


def chi_squared(groups: Sequence[Bins]) -> tuple[float, float]:
    """Pearson's χ² of the bins between groups that ought to be alike, and its degrees of freedom."""
    seen = [bins for bins in groups if sum(bins.values())]
    whole = {at: n for at, n in summed(seen).items() if n}
    if len(seen) < 2 or len(whole) < 2:
        return 0.0, 0.0
    total, found = sum(whole.values()), 0.0
    for bins in seen:
        n = sum(bins.values())
        found += sum((bins.get(at, 0) - n * k / total) ** 2 / (n * k / total) for at, k in whole.items())
    return found, float((len(seen) - 1) * (len(whole) - 1))


def _plus(before: Shares, counts: Bins, times: float) -> dict[str, float]:
    return {at: before.get(at, 0.0) + times * counts.get(at, 0) for at in before.keys() | counts.keys()}
