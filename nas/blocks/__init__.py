"""Blocks: functions from genes to a small tree, one family per file.

Importing this package registers the built-in families; a new one is a file here and a line below.
"""

from nas.blocks import conv, excitation, inception, resnet, sev, tensor
from nas.blocks.registry import BLOCKS, EXCITATIONS, OPERATORS, Part, Place, block, operator

__all__ = [
    "BLOCKS", "EXCITATIONS", "OPERATORS", "Part", "Place", "block", "conv", "excitation", "inception", "operator",
    "resnet", "sev", "tensor",
]  # fmt: skip
