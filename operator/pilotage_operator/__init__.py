"""Everything that touches Kubernetes; knows nothing of models."""
