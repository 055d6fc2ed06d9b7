"""Three versions of a model on their way to production, on a real cluster: what `make demo` shows."""
