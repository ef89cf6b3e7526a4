"""Rows that are positions of a sample: tokens, pixels of an image, nodes of a graph.

`WantedRows` is what a user asks for, `choose_rows` settles it on one probe, `ChosenRows` is the
result: which positions are rows, what X is at each of them, and the labels. Imports no torch, so
that arrays of others go the same way as live layers. Labels that are made from tokens are a table
in `label_rules`, masks are found in `masks`, X is in `inputs`.
"""

from infoplane.positions.masks import Sequences
from infoplane.positions.row_request import WantedRows
from infoplane.positions.selection import ChosenRows, choose_rows

__all__ = ["ChosenRows", "Sequences", "WantedRows", "choose_rows"]
