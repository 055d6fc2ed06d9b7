"""A real Kubernetes for the demo and the tests, on any Linux machine: `python3 -m tests.cluster --help`.

Standard library only: it runs before anything is installed.
"""
