"""The comparison with its fast path as it was simulated when the method was chosen: slower, and written another way."""

from math import exp, inf, log, sqrt

from tests.unit.analysis.series import Pair

FAIL_STEPS = (0.25, 0.5, 1, 2, 4, 8, 16, 32, 64)
PASS_SHARES = (0.0, 0.4, 0.7)


def project(n_s: float, n_c: float, a: float, b: float, limit: float) -> float:
    lo, hi = max(min(a, b - limit), 1e-12), min(max(a, b - limit), 1 - limit - 1e-12)
    for _ in range(60):
        x = (lo + hi) / 2
        y = x + limit
        if n_s * (a - x) / (x * (1 - x)) + n_c * (b - y) / (y * (1 - y)) > 0:
            lo = x
        else:
            hi = x
    return (lo + hi) / 2


def log_e(n_s: float, e_s: float, n_c: float, e_c: float, a: float, b: float, limit: float) -> float:
    x = project(n_s, n_c, a, b, limit)
    y = x + limit
    of_stable = e_s * log(a / x) + (n_s - e_s) * log((1 - a) / (1 - x))
    return of_stable + e_c * log(b / y) + (n_c - e_c) * log((1 - b) / (1 - y))


def log_sum(xs: list[float]) -> float:
    m = max(xs)
    return m if m == -inf else m + log(sum(exp(x - m) for x in xs))


def spread(pods: list[Pair]) -> tuple[float, int]:
    pods = [(n, e) for n, e in pods if n > 0]
    n, e = sum(p[0] for p in pods), sum(p[1] for p in pods)
    if len(pods) < 2 or not 0 < e < n:
        return 0.0, 0
    p = e / n
    return min(sum((k - m * p) ** 2 / (m * p * (1 - p)) for m, k in pods), 30.0 * (len(pods) - 1)), len(pods) - 1


class Reference:
    """Follows one share, with the weights of restarts that sum to 1 for ever."""

    def __init__(self, limit: float, alpha: float) -> None:
        self.limit, self.alpha, self.t = limit, alpha, 0
        self.rate, self.between, self.residual = [0.5, 100.0], [10.0, 10.0], [10.0, 10.0]
        self.mean, self.last = [0.0, 0.0], (0, 0)
        self.worse, self.better = [-inf] * len(FAIL_STEPS), [-inf] * len(PASS_SHARES)
        self.seen: list[tuple[float, int, int, list[Pair], float, float]] = []

    @property
    def phi(self) -> float:
        return 1.25 * max(1.0, self.between[0] / self.between[1], self.residual[0] / self.residual[1])

    def observe(self, pods: list[Pair], canary: list[Pair], weight: float) -> None:
        n_s, e_s = sum(p[0] for p in pods), sum(p[1] for p in pods)
        n_c, e_c = sum(p[0] for p in canary), sum(p[1] for p in canary)
        phi, a = self.phi, min(max(self.rate[0] / self.rate[1], 1e-5), 0.9)
        if n_s > 0 and n_c > 0:
            self.t += 1
            cap, edge, unit = log(1 / self.alpha) / 3, a + self.limit, max(self.limit, 0.004)
            start = log(0.5) if self.t == 1 else log(250 / ((self.t + 498) * (self.t + 499)))
            data = n_s / phi, e_s / phi, n_c / phi, e_c / phi
            for i, d in enumerate(FAIL_STEPS):
                b = min(edge + d * unit, 1 - (1 - edge) * 0.1)
                self.worse[i] = log_sum([self.worse[i], start]) + min(cap, log_e(*data, a, b, self.limit))
            for i, d in enumerate(PASS_SHARES):
                step = min(cap, log_e(*data, a, a + d * self.limit, self.limit))
                self.better[i] = min(6.0, log_sum([self.better[i], start]) + step)
            n, w = n_s + n_c, n_s * n_c / (n_s + n_c)
            self.mean = [self.mean[0] + w * (e_c / n_c - e_s / n_s), self.mean[1] + w]
            d = self.mean[0] / self.mean[1]
            p = min(max((e_c + e_s - n_c * d) / n, 0.0, -d), 1 - max(0.0, d))
            v = p * (1 - p) / n_s + (p + d) * (1 - p - d) / n_c
            if v > 1e-12:
                z = (e_c / n_c - e_s / n_s - d) ** 2 / v
                self.residual = [self.residual[0] + min(z, 30.0), self.residual[1] + 1]
        chi, df = spread(pods if sum(1 for n, _ in pods if n) > 1 else [self.last, (n_s, e_s)])
        self.between = [self.between[0] + chi, self.between[1] + df]
        self.last = n_s, e_s
        self.seen = [*self.seen, (weight, n_s, e_s, canary, phi, a)][-3:]
        self.rate = [0.98 * self.rate[0] + e_s, 0.98 * self.rate[1] + n_s]

    def outright(self) -> float | None:
        """The fast path's evidence where all its other conditions hold."""
        if len(self.seen) < 3 or not all(s[1] for s in self.seen) or not sum(p[0] for p in self.seen[1][3]):
            return None
        (w0, n0, e0, _, _, _), (w1, n1, e1, one, phi, a), (w2, n2, e2, two, _, _) = self.seen
        if not (w1 and w2):
            return None
        (n, e), (m, f) = (tuple(map(sum, zip(*c, strict=True))) for c in (one, two))
        worst = max(e0 / n0 + e1 / n1 + e2 / n2, (e0 + e1 + e2) * w1 / (1 - w1) / n)
        floor, a, n_s = worst + max(3 * self.limit, 0.1), min(3 * a, 0.5), (n0 + n1 + n2) / 3
        if e < max(8 * phi, floor * n) or f < max(5 * phi, floor * m):
            return None
        data, edge = (n_s / phi, n_s * min(worst, 1) / phi, n / phi, e / phi), a + self.limit
        es = [
            log_e(*data, a, min(edge + d * (1 - edge), 1 - (1 - edge) * 0.05), self.limit)
            for d in (0.1, 0.25, 0.5, 0.9)
        ]
        if len(one) > 1:
            pairs = zip(one, two, strict=True)
            bad = all(k >= 3 * phi and k + j >= floor * (i + h) for (i, k), (h, j) in pairs)
        else:
            g0, g1, g2 = ((k - j) / (1 - w) for w, k, j in ((w0, n0, e0), (w1, n1, e1), (w2, n2, e2)))
            good = min(w1, w2) * min(g0 + g1, g1 + g2)
            bad = good - (n - e + m - f) >= 3 * sqrt(phi * good)
        return log_sum(es) - log(4) if bad else None
