"""How a canary is judged against stable: counts per interval, sequential tests over them, and what they come to."""
