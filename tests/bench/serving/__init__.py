"""How fast and how small the server is, beside others that serve the same models on the same core."""
