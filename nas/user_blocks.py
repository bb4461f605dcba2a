"""A user's own code: Python files named by `--import`, whose functions register with `@block`, `@operator`,
`@score`, `@sampler` or `@list_format`.

Code runs only where it is asked for: opening a study that used such a file says so, and does not run it.
"""

from __future__ import annotations

import importlib.util
import sys
import traceback
from hashlib import sha256
from pathlib import Path

from nas.errors import NasError

_loaded: dict[Path, str] = {}


def load(path: str | Path) -> None:
    """Run a Python file once, so that spaces and genotypes know the kinds that it registers.

    Raises NasError, with the line, where it cannot be run or registers nothing.
    """
    file = Path(path).resolve()
    if file in _loaded:
        return
    if file.is_dir():
        raise NasError("is a folder", where=str(path), fix="name a Python file with a @block or @score function")
    if file.name in loaded():
        raise NasError("another file of this name is imported already", where=str(path), fix="rename one of them")
    if not file.is_file():
        raise NasError("no such file", where=str(path), fix="name a Python file with a @block or @score function")
    digest = sha256(file.read_bytes()).hexdigest()[:16]
    known = _registered()
    name = f"nas_import_{file.stem}_{digest}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None:
        raise NasError("is not a Python file", where=str(path), fix="name a file that ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except NasError as error:
        raise error.at(str(path)) from None
    except (Exception, SystemExit) as error:  # whatever a user's code does
        raise NasError(f"{type(error).__name__}: {error}", where=f"{path}:{_line(error, file)}") from error
    if not _registered() - known:
        fix = "write @block('my_kind') or @score('my_score') above a function"
        raise NasError("registers no block, score, sampler or list format", where=str(path), fix=fix)
    _loaded[file] = digest


def loaded() -> dict[str, str]:
    """Name and digest of every file that was loaded."""
    return {path.name: digest for path, digest in _loaded.items()}


def require(used: dict[str, str], where: str, *, same: bool = False) -> None:
    """Raise NasError unless the files that a study used are loaded, and (where asked) unchanged."""
    have = loaded()
    for name, digest in used.items():
        if name not in have:
            raise NasError(f"uses code of {name}", where=where, fix=f"add --import with the path of {name}")
        if same and have[name] != digest:
            raise NasError(
                f"{name} is not what it was when the study was started",
                where=where,
                fix="put it back, or search into another folder",
            )


def _registered() -> set[tuple[str, str]]:
    """Everything that a file can add to."""
    from nas.blocks.registry import REGISTRIES
    from nas.data.formats import FORMATS
    from nas.scores.registry import SCORES
    from nas.search.registry import SAMPLERS

    kinds = {(registry, name) for registry, known in REGISTRIES.items() for name in known.specs}
    others = (("score", SCORES), ("sampler", SAMPLERS), ("format", FORMATS))
    return kinds | {(family, name) for family, known in others for name in known}


def _line(error: BaseException, file: Path) -> int:
    if isinstance(error, SyntaxError):
        return error.lineno or 1
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename) == file]
    return frames[-1].lineno if frames else 1
