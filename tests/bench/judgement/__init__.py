"""The study behind `docs/judgement.md`: simulated rollouts, judged by the project's own checks and by rivals.

`python -m tests.bench.judgement` runs what is missing and writes the page; `--quick` takes a minute.
"""
