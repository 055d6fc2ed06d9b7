"""What a serving process says: what it does (stderr), whom it answered (stdout), and, when asked to, with what."""
