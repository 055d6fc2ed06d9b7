"""Child objects of the two resources, as plain dicts: a pure projection of a spec and a revision."""
