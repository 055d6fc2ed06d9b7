"""What to do next with a release, and why: pure, from spec, state and what is seen."""
