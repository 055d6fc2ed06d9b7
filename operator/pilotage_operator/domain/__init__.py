"""What Pilotage decides: pure functions over frozen values; no Kubernetes client, no HTTP, no clock, no logging."""
