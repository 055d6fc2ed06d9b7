"""Everything that touches models; knows nothing of Kubernetes."""
