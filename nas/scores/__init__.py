"""Training-free scores: numbers that rank networks before any of them is trained, one per file.

Higher should mean better. Importing this package registers the built-in ones, without torch; a new one is a function
under `@score`, here or in a file of one's own. A score is worth nothing beside those of `baselines` unless it tells
more than depth, params and GFLOPs do.
"""

from nas.scores import baselines, entropy, gradnorm, naswot, synflow
from nas.scores.evaluator import evaluate, in_study
from nas.scores.registry import SCORES, Score, find, score

__all__ = [
    "SCORES", "Score", "baselines", "entropy", "evaluate", "find", "gradnorm", "in_study", "naswot", "score", "synflow",
]  # fmt: skip
