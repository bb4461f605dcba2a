"""What a mirror does to labels: which classes tell left from right, and which class the mirror makes of another.

Class names are read as words: "Turn_Left" and "TurnLeft" hold "left", "leftover" and "bright" hold neither. "All right"
does match: a pair of that class with itself says that a mirror leaves it as it is.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from nas.errors import NasError, nearest

WORDS = {
    "left": "right",
    "leftward": "rightward",
    "leftwards": "rightwards",
    "leftmost": "rightmost",
    "clockwise": "counterclockwise",
}
OPPOSITES = WORDS | {other: one for one, other in WORDS.items()}
# Where a word of TurnLeft or HTMLLeft begins.
CAMEL = re.compile(r"(?<=[a-z\d])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
SIDES = re.compile(rf"\b({'|'.join(OPPOSITES)})\b")


@dataclass(frozen=True)
class Mirror:
    """What a mirror does to a set of classes.

    `directed` are the names of those it changes, `alone` those of them that it makes no other class of the set; `swap`
    is the number of the class that each becomes, None when some are alone.
    """

    directed: tuple[str, ...]
    alone: tuple[str, ...]
    swap: tuple[int, ...] | None


def mirroring(classes: Sequence[str], pairs: Sequence[tuple[str, str]] = ()) -> Mirror:
    """What a mirror does to `classes`; `pairs` of their names come before what the names say.

    >>> mirroring(["push left", "push right", "jump"]).swap
    (1, 0, 2)
    >>> mirroring(["turn left", "jump"])
    Mirror(directed=('turn left',), alone=('turn left',), swap=None)

    Raises NasError for a pair that names no class, or a class that is in two.
    """
    given = _given(classes, pairs)
    plain = [_plain(name) for name in classes]
    times = Counter(plain)
    # of several classes that are called the same, none can be told; those in pairs have their partner
    numbers = {name: i for i, name in enumerate(plain) if times[name] == 1 and i not in given}
    turned = [_mirrored(name) for name in plain]
    becomes = {i: i if turned[i] == name else numbers.get(turned[i], -1) for i, name in enumerate(plain)} | given
    directed = tuple(name for i, name in enumerate(classes) if becomes[i] != i)
    alone = tuple(name for i, name in enumerate(classes) if becomes[i] < 0)
    return Mirror(directed, alone, None if alone else tuple(becomes.values()))


def resolve(flip: str, mirror: Mirror, where: str = "") -> tuple[bool, tuple[int, ...] | None, str]:
    """Whether training clips are mirrored, the class that each becomes then (None: all stay), and a note or "".

    auto mirrors unless that changes a label, always even then, never not at all; swap mirrors the labels too.

    >>> resolve("auto", mirroring(["turn left", "jump"]))
    (False, None, "clips are not mirrored: that would change the label of 1 class, such as 'turn left'")

    Raises NasError, at `where`, when swap finds a class that becomes no other.
    """
    if flip == "never" or not mirror.directed:
        return flip != "never", None, ""
    many = len(mirror.directed)
    told = f"change the label of {many} class{'es' if many > 1 else ''}, such as '{mirror.directed[0]}'"
    if flip == "auto":
        hint = "; flip: swap would mirror it too" if mirror.swap else ""
        return False, None, f"clips are not mirrored: that would {told}{hint}"
    if flip == "always":
        return True, None, f"clips are mirrored although that may {told}"
    if mirror.swap is None:
        problem = f"flip = swap, but no class is what a mirror makes of '{mirror.alone[0]}'"
        raise NasError(problem, where=where, fix="give its partner in data.mirrored, or write flip: never")
    return True, mirror.swap, ""


def _given(classes: Sequence[str], pairs: Sequence[tuple[str, str]]) -> dict[int, int]:
    """The pairs as numbers, both ways."""
    numbers = {name: i for i, name in enumerate(classes)}
    given: dict[int, int] = {}
    for pair in pairs:
        for one, other in (pair, pair[::-1]):
            if one not in numbers:
                raise NasError(f"'{one}' is no class", where="data.mirrored", fix=nearest(one, classes))
            if given.setdefault(numbers[one], numbers.get(other, -1)) != numbers.get(other, -1):
                raise NasError(f"'{one}' is in two pairs", where="data.mirrored", fix="keep one of them")
    return given


def _plain(name: str) -> str:
    """The words of a name in lower case, with one spelling of counterclockwise.

    >>> _plain("TurnLeft_2 Anti-clockwise")
    'turn left 2 counterclockwise'
    """
    words = " ".join(re.findall(r"[^\W\d_]+|\d+", CAMEL.sub(" ", name).lower()))
    return re.sub(r"\b(counter|anti) ?clockwise\b", "counterclockwise", words)


def _mirrored(plain: str) -> str:
    return SIDES.sub(lambda found: OPPOSITES[found[0]], plain)
