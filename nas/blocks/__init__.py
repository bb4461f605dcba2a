"""Blocks: functions from genes to a small tree, one family per file.

Importing this package registers the built-in families; a new one is a file here and a line below.
"""

from nas.blocks import conv, resnet
from nas.blocks.registry import BLOCKS, OPERATORS, Part, Place, block, operator

__all__ = ["BLOCKS", "OPERATORS", "Part", "Place", "block", "conv", "operator", "resnet"]
