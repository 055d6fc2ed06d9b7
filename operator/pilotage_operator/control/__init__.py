"""The loop: what is due, one pass at a time, by the one operator that holds the Lease."""
