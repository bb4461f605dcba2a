"""The decisions of a table of trials as figures write them: short, ordered, safe texts for any answer.

A decision that does not count in a trial (it stands in an option that was not taken) has no answer there.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from html import escape

import numpy as np
import pandas as pd

from nas.plots import trials as frame

# letters of the longest name and of the longest answer on an axis
NAME, ANSWER = 26, 14


def columns(trials: pd.DataFrame) -> list[str]:
    """The columns that are decisions, with at least one answer."""
    return [name for name in trials if str(name).startswith(frame.DECISION) and trials[name].notna().any()]


def labels(answers: pd.Series) -> list[str]:
    """Answers as texts, '' where a decision does not count; whole numbers stay whole.

    >>> labels(pd.Series([2.0, None, 0.5])), labels(pd.Series(["ir", None, True]))
    (['2', '', '0.5'], ['ir', '', 'True'])
    """
    return [_text(answer) for answer in answers.tolist()]


def _text(answer: object) -> str:
    if answer is None or answer is pd.NA or answer is pd.NaT:
        return ""
    if isinstance(answer, float):
        return "" if math.isnan(answer) else str(int(answer)) if answer.is_integer() else f"{answer:.6g}"
    return str(answer)


def numbers(answers: pd.Series) -> np.ndarray | None:
    """Answers as numbers, NaN where there is none; None where one of them is no number (true and false are none).

    >>> numbers(pd.Series([1, None])).tolist(), numbers(pd.Series(["a", "1"])), numbers(pd.Series([True, False]))
    ([1.0, nan], None, None)
    """
    known = [answer for answer in answers.tolist() if _text(answer)]
    if not all(isinstance(answer, (int, float)) and not isinstance(answer, bool) for answer in known):
        return None
    return pd.to_numeric(answers, errors="coerce").to_numpy(dtype=float, na_value=math.nan)


def ordered(answers: Iterable[str]) -> list[str]:
    """Each answer once: numbers and shares by size, then words by the alphabet.

    >>> ordered(["16", "2", "all", "2", "50%", "25%"])
    ['2', '16', '25%', '50%', 'all']
    """
    return sorted(set(answers) - {""}, key=_rank)


def _rank(answer: str) -> tuple:
    try:
        size = float(answer.removesuffix("%"))
    except ValueError:
        return (2, 0.0, answer)
    return (1 if answer.endswith("%") else 0, size, answer) if math.isfinite(size) else (2, 0.0, answer)


def short(text: str, letters: int = NAME) -> str:
    """A text of at most so many letters, its middle left out, escaped.

    >>> short("stages.2.block=grouped.groups", 15), short("<b>")
    ('stages.….groups', '&lt;b&gt;')
    """
    text = str(text)
    if len(text) > letters:
        head = (letters - 1) // 2
        text = f"{text[:head]}…{text[head + 1 - letters :]}"
    return escape(text)


def name(column: str) -> str:
    """A decision's own name, whole and not escaped."""
    return str(column).removeprefix(frame.DECISION)
