"""The words of docs/judgement.md, around its tables."""

BEFORE = """
# How a canary is judged

<!-- Written by `python -m tests.bench.judgement`. Do not edit. -->

Each check answers *fail*, *pass* or *unknown*, at every interval. Only a proven *fail* rolls back, only a proven
*pass* lets a step end; *unknown* holds, and says what is missing. This page says in plain words how the proof is
made, and what it is worth: by simulation on the operator's own code, beside what other tools do with the same
numbers.

## The method in plain words

- **Counts, not rates.** Serving pods count; the operator takes differences of their counters between instants, so
  that every request is evidence once. Stable and canary are compared over the same interval: what hits both alike, an
  outage or a bad hour, speaks against neither.
- **A bet that one may look at.** For each interval a bet is placed against "the canary is within its limit". If that
  is true, the capital is not expected to grow, whatever the error rate does from one interval to the next. To see it
  1/α-fold has a chance of at most α, however often one looks: that is a *fail*. The bet the other way gives the
  *pass*. (Turner and Grünwald's e-values; new bets are placed all the time, so that a version that turns bad late is
  found too.)
- **Clumps are paid for.** Requests come in bursts, pods have their own weather. How much more than chance the counts
  scatter is learnt from stable's own pods and from how the difference moves, and the counts are divided by it.
- **No rollback on fewer than four intervals**, since the samples of two pods are never simultaneous; but for one
  thing:
- **A version that fails outright goes in two.** Where both intervals are worse than anything that stable showed in
  them and their neighbours, by a wide margin, and all canary pods agree (or, with one pod, good answers are missing),
  nobody waits for four. It needs samples not older than an interval.
- **One budget.** The chance of a false rollback in a whole rollout is 1 %, split evenly over the checks that can roll
  back by a test. Steps do not split it again, except for drift, which begins anew at each weight.

| check | compares | edge | where a failure comes from |
| --- | --- | --- | --- |
| errorRate | share of 5xx answers | stable + maxIncrease | |
| latency | share of requests above stable's quantile, by buckets | stable × maxRatio, from minDifference on | |
| inputQuality | invalid values per row | stable + maxIncrease | feature, kind, category, both counts |
| predictionShare | share of each class | stable × or ÷ maxRatio, from minDifference on | class, both counts |
| predictionDrift | PSI of classes and bins, bias and noise taken off | maxPSI | output, bin, both counts |
| query | one number by your PromQL | min, max | no guarantee: it is one number at a time |

The `interval` in `status.checks` is Wilson's 95 % interval on counts divided by their scatter (for drift the index ±
1.96 standard deviations). It holds for one look at any time; the verdicts hold for all looks together.

## How it was simulated

Stable has three pods, the canary two; requests are Poisson, intervals are 5 s, a rollout lasts 360 of them, after 60
in which stable was alone. Each world but the first has a total that varies by 70 % and an error rate that wanders by
30 %. The thresholds of the others know the true base rate, and have the same limit added to it: nobody has that in
life. Argo Rollouts: a rate over 60 s, looked at every 5 or 60 s, failureLimit 0, five errors in a row. Flagger:
threshold 5 at 60 s and 3 at 15 s, failed looks added up. Kayenta: Mann and Whitney's test on the last 20 intervals,
98 %, effect 1.25.
"""

SMALL = """
## From no errors to a few

Stable never fails, the canary fails in 0.5 % of requests, 25 % weight. A limit of 1 % allows that; one of 0.1 % does
not.
"""

SHARES = """
## Classes

`predictionShare` with maxRatio 1.5 and minDifference 1 %, 25 % weight; a rare class at 1 %, whose share wanders.
"""

DRIFT = """
## Drift

`predictionDrift` with maxPSI 0.2; ten bins, a mix of traffic that wanders for both, evidence that begins anew at each
of three weights. A shift of scores by σ has the PSI beside it.
"""

LATENCY = """
## Latency

`latency` with quantile 0.95, maxRatio 1.3 and minDifference 0, 25 % weight, a quarter of an hour; times are log-normal.
"""

SEVERAL = """
## Four checks at once

One good canary under errorRate, inputQuality, predictionShare and predictionDrift, each with a quarter of the budget,
in the world of bursts: how often each of them failed, and any.
"""

AFTER = """
## A team with 10 requests an interval

With 10 requests in 5 s and 5 % weight the canary gets six requests in a minute. A version that fails outright is still
found, in two minutes and after six bad answers or so; one that is a little worse is not, and a good one does not pass:
the step holds, says how many requests are missing and when they are expected, and after `progressDeadline` asks a
person. It never passes by default. What helps, best first:

1. A step `{shadow: true, for: …}` (with a gateway that mirrors): the canary gets a copy of every request, twenty times
   as many as at 5 %, and nobody gets its answers.
2. `rollout.steps[].weight`: at 50 % there are ten times as many requests as at 5 %.
3. `errorRate.maxIncrease`: a limit of 5 % instead of 1 % takes a tenth of the requests where stable hardly ever fails.
4. `analysis.interval: 60s` changes nothing about how many requests it takes, but costs fewer queries.
5. `rollout.onLowTraffic: advance` lets time decide where no check fails; an approval step lets a person decide.

## What is not proven

- A client that fails and is tied to one pod looks like a bad pod. With two canary pods it is told apart, in most cases
  (see the last world above), and the status names the pod; with one pod it cannot be. Latency does not tell it apart.
- Where stable never fails and requests come in clumps, how much they scatter cannot be learnt: a canary exactly at its
  limit may pass.
- Drift's boundary is asymptotic; a weight that is lost and written again begins it anew beyond the steps that were
  reckoned with.
- `query` has no guarantee at all.
"""
