"""The ports to what is outside: the API server and Prometheus. Library errors are wrapped here, their cause chained."""
