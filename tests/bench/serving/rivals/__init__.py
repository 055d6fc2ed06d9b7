"""What other servers need to serve the bench's models. Each file runs in the virtual environment of its server."""
