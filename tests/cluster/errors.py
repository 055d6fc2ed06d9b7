"""What ends a command with one line for the user instead of a traceback."""


class ClusterError(Exception):
    """Something the user can act on: the message says what is wrong and what to do."""
