"""Constant load from outside the operator, with every answer counted."""

from tests.load.driver import Load
from tests.load.tally import Tally

__all__ = ["Load", "Tally"]
