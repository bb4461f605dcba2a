"""Whether two machines run the same: this project, byte for byte, Python, torch and numpy."""

from __future__ import annotations

import hashlib
import platform
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import nas
from nas.errors import NasError
from nas.versions import versions

COMPARED = ("python", "video-nas", "torch", "numpy")


@dataclass(frozen=True)
class Told:
    """What a machine runs: `versions` by name, and `source`, twelve hexadecimal digits of this project's own files."""

    versions: dict[str, str]
    source: str
    host: str


@cache
def mine() -> Told:
    """What this process runs."""
    found = {name: number for name, number in versions().items() if name in COMPARED}
    return Told(found, _source(), platform.node())


def check_same(driver: Told, node: str = "", own: Told | None = None) -> None:
    """Raise NasError unless this process (or `own`, of the node of this name) runs what the `driver` does.

    Workers call it as they start: their nodes may have joined after the search began.
    """
    own = own or mine()
    where = f"node {node or own.host}"
    for name in COMPARED:
        there, here = own.versions.get(name, "none"), driver.versions.get(name, "none")
        if there != here:
            fix = f"install {name} {here} there, or run the program with what all nodes have"
            raise NasError(f"has {name} {there}, the driver {here}", where=where, fix=fix)
    if own.source != driver.source:
        problem = f"its files of this project are not the driver's ({own.source} there, {driver.source} here)"
        raise NasError(problem, where=where, fix="bring the same files there, or install the same wheel on all nodes")


def _source() -> str:
    digest, root = hashlib.sha256(), Path(nas.__file__).parent
    for path in sorted(root.rglob("*.py")):
        digest.update(f"{path.relative_to(root).as_posix()}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]
