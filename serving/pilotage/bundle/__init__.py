"""The bundle: one model version as four files, and the digest that names it."""
