"""HTTP/2 without TLS, as much of it as a server of gRPC needs; knows nothing of what it carries."""
