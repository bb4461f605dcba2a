"""The stages of a network as a table: each block's class and arguments, and how often it is repeated."""

from __future__ import annotations

from collections.abc import Sequence

from nas.exporting.code import WIDTH, in_line
from nas.exporting.definitions import Definitions
from nas.exporting.writer import Writer
from nas.layers import Seq

LONGEST = 4  # blocks of a pattern that is looked for, such as one block of each kind in turn


def stage_lines(stage: Seq, definitions: Definitions, writer: Writer, indent: int) -> list[str]:
    """Lines that make a stage: its blocks in order, behind its pooling if it has one."""
    made = [in_line(definitions.maker(block)) for name, block in stage.children if name != "pool"]
    pools = [child for name, child in stage.children if name == "pool"]
    pool = [f"pool={in_line(writer.expression(pools))}"] if pools else []
    space, lists = " " * indent, joined(runs(made))
    line = f"{space}stage({', '.join([' + '.join(_list(*one) for one in lists), *pool])}),"
    if len(line) <= WIDTH:
        return [line]
    inside = [line for number, one in enumerate(lists) for line in _lines(*one, "+ " if number else "", indent + 4)]
    inside[-1] += ","
    return [f"{space}stage(", *inside, *(f"{space}    {text}," for text in pool), f"{space}),"]


def _lines(times: int, items: list[str], before: str, indent: int) -> list[str]:
    """A list in one line, or with a line an item where that is too long."""
    space, line = " " * indent, f"{' ' * indent}{before}{_list(times, items)}"
    if len(line) <= WIDTH - 1:
        return [line]
    opening = f"{times} * [" if times > 1 else "["
    return [f"{space}{before}{opening}", *(f"{space}    {item}," for item in items), f"{space}]"]


def joined(found: list[tuple[int, list[str]]]) -> list[tuple[int, list[str]]]:
    """Runs, of which those that are not repeated are one where they follow one another.

    >>> joined([(1, ["a"]), (1, ["b"]), (2, ["c"])])
    [(1, ['a', 'b']), (2, ['c'])]
    """
    whole: list[tuple[int, list[str]]] = []
    for times, items in found:
        if times == 1 and whole and whole[-1][0] == 1:
            whole[-1] = (1, [*whole[-1][1], *items])
        else:
            whole.append((times, items))
    return whole


def runs(items: Sequence[str]) -> list[tuple[int, list[str]]]:
    """The items as patterns and how often each is repeated, one after the other.

    >>> runs(["a", "b", "b", "b"]), runs(["a", "b", "a", "b", "a"])
    ([(1, ['a']), (3, ['b'])], [(2, ['a', 'b']), (1, ['a'])])
    """
    found: list[tuple[int, list[str]]] = []
    start = 0
    while start < len(items):
        times, length = max(((_times(items, start, length), length) for length in range(1, LONGEST + 1)), key=_covered)
        found.append((times, list(items[start : start + length])))
        start += times * length
    return found


def _times(items: Sequence[str], start: int, length: int) -> int:
    """How often the pattern of this length is there from `start` on."""
    pattern, times = items[start : start + length], 1
    while items[start + times * length : start + (times + 1) * length] == pattern:
        times += 1
    return times


def _covered(found: tuple[int, int]) -> tuple[int, int]:
    """Longer repetitions are better; what is not repeated is one item."""
    times, length = found
    return (times * length if times > 1 else 1, -length)


def _list(times: int, items: list[str]) -> str:
    return f"{times} * [{', '.join(items)}]" if times > 1 else f"[{', '.join(items)}]"
