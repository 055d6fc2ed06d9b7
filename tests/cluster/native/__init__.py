"""The cluster where there is no Docker: one node in namespaces of its own, made from programs in the cache."""
