"""What an error says that crossed a cluster: Ray wraps it, sometimes twice, and gives it a traceback for its text."""

from __future__ import annotations

from collections.abc import Iterator

from nas.errors import NasError


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what it wraps, the innermost last."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = _wrapped(error) or error.__cause__ or error.__context__


def _wrapped(error: BaseException) -> BaseException | None:
    """What Ray, and Ray Train, keep in an error of theirs."""
    several = getattr(error, "worker_failures", None) or {}
    found = [getattr(error, "cause", None), getattr(error, "controller_failure", None), *several.values()]
    return next((one for one in found if isinstance(one, BaseException)), None)


def mistake(error: BaseException) -> NasError | None:
    """The line in it that is for the user, if there is one: as it was raised, without what Ray made of it."""
    return next((one for one in [*causes(error)][::-1] if isinstance(one, NasError)), None)


def line(error: BaseException) -> str:
    """The innermost cause in one line, such as 'OSError: No space left on device'."""
    last = [*causes(error)][-1]
    text = next((line.strip() for line in str(last).splitlines() if line.strip()), "")
    return f"{type(last).__name__}: {text}" if text else type(last).__name__
