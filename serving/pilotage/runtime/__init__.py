"""Runs a model and keeps its figures; knows nothing of how requests arrive."""
