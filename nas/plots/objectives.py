"""What a study looks for, as columns of its trials: names, directions, units and values for figures of any of them.

Costs of `style.UNITS` keep their names there; the others of `nas.units` are told by what they are multiples of.
"""

from __future__ import annotations

import math
import textwrap
from html import escape
from typing import Literal

import numpy as np
import pandas as pd

from nas.pareto import Objective
from nas.plots import decisions, style
from nas.plots import trials as frame
from nas.units import OBJECTIVES, UNITS

# an axis that figures may be asked for
Name = Literal[*OBJECTIVES]
# what is looked at where a study does not say: the first three, as in `nas search`
USUAL, DEFAULT = ("accuracy", "gflops", "ginteractions", "mparams"), 3
# letters of a data set's name on an axis
DATASET = 40
# letters of a line of its title
TITLE = 40


def aims(trials: pd.DataFrame, fewest: int = 1) -> list[Objective]:
    """The study's objectives that its table has, then as many usual ones as make `fewest` of them.

    >>> table = pd.DataFrame({"accuracy": [0.5], "mparams": [1.0], "gflops": [2.0]})
    >>> table.attrs = {"objectives": ["accuracy", "mparams"]}
    >>> [aim.name for aim in aims(table)], [aim.name for aim in aims(table, fewest=3)]
    (['accuracy', 'mparams'], ['accuracy', 'mparams', 'gflops'])
    """
    stated = [str(name) for name in trials.attrs.get("objectives") or ()]
    found = [name for name in dict.fromkeys(stated) if name in OBJECTIVES and known(trials, name)]
    fewest = fewest if found else max(fewest, DEFAULT)
    for name in USUAL:
        if len(found) < fewest and name not in found and known(trials, name):
            found.append(name)
    return [Objective(name, OBJECTIVES[name]) for name in found]


def known(trials: pd.DataFrame, column: str) -> bool:
    """Whether any trial has a value of this column."""
    return column in trials and bool(np.isfinite(values(trials, column)).any())


def values(trials: pd.DataFrame, column: str) -> np.ndarray:
    """A column as numbers, NaN where there is none.

    >>> values(pd.DataFrame({"depth": [3, None]}), "depth").tolist()
    [3.0, nan]
    """
    if column not in trials:
        return np.full(len(trials), math.nan)
    return pd.to_numeric(trials[column], errors="coerce").to_numpy(dtype=float, na_value=math.nan)


def label(column: str) -> str:
    """What an objective is called: 'accuracy', 'GFLOPs', 'Mactivations'."""
    if column == "accuracy":
        return column
    return style.name(column) if column in style.UNITS else UNITS[column].label


def unit(column: str, trials: pd.DataFrame) -> str:
    """What one unit of an objective counts; the metric for accuracy. Escaped.

    >>> unit("mactivations", pd.DataFrame())
    '10⁶ activations: output elements, one clip of unknown size'
    """
    if column == "accuracy":
        return f"{frame.metric(trials)}, proxy"
    counted = escape(frame.counted_for(trials, column))
    if column in style.UNITS:
        return style.unit(column, counted)
    one = UNITS[column]
    name, counts = style.UNITS[one.field]
    return f"10{'⁰¹²³⁴⁵⁶⁷⁸⁹'[round(math.log10(one.scale))]} {name}: {counts.format(clip=counted)}"


def accuracy_title(trials: pd.DataFrame) -> str:
    """What an axis of accuracies says: the metric, the data set, and that a proxy measured it; escaped.

    >>> accuracy_title(pd.DataFrame())
    'top-1 accuracy on unknown data, proxy'
    """
    dataset = decisions.short(trials.attrs.get("dataset") or "unknown data", DATASET)
    return "<br>".join(textwrap.wrap(f"{frame.metric(trials)} on {dataset}, proxy", TITLE, break_long_words=False))
