"""The versions that decide results: Python's and the libraries'."""

from __future__ import annotations

import importlib.metadata
import platform
from functools import cache

LIBRARIES = ("video-nas", "torch", "optuna", "numpy", "scikit-learn", "av")


@cache
def versions() -> dict[str, str]:
    """Name and version of each that is installed (a GPU machine may have torch alone)."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
