"""Finds YAML by path or by name: spaces, models, recipes.

`csn`, `space/csn` and `space/csn.yaml` all lead to `space/csn.yaml` in the working folder, in the repository
(an editable install), or in the installed package.
"""

from __future__ import annotations

import re
from pathlib import Path

from nas.errors import NasError, nearest


def find(name: str, folder: str) -> Path:
    """The file that `name` means; raises NasError with the nearest name and the places looked at."""
    path = Path(name)
    if path.is_file():
        return path
    if path.is_dir() and folder != "studies":
        raise NasError(f"{name} is a folder, a file is expected", fix=f"name a file in {folder}/")
    bare = name.removeprefix(f"{folder}/")
    roots = [root / folder for root in places()]
    for root in roots:
        for candidate in _candidates(root, bare, folder):
            if candidate.is_file():
                return candidate
    if alias := next((found for root in roots for found in _also_called(root, bare)), None):
        return alias
    looked = ", ".join(dict.fromkeys(map(_short, roots)))
    fix = nearest(Path(bare).stem, names(folder))
    raise NasError(f"{name}: no such file or {folder} name (looked in {looked})", fix=fix)


def study_folder(target: str) -> Path:
    """The folder of a study: a path, or the name of one in studies/."""
    path = Path(target)
    named = Path("studies") / target
    return named if not path.exists() and named.exists() else path


def places() -> list[Path]:
    """Where content may lie: the working folder, the repository, the installed package."""
    package = Path(__file__).resolve().parent
    return [Path(), package.parent, package / "content"]


def listed(root: Path, folder: str) -> list[str]:
    """The names of the content in one folder."""
    if folder == "studies":
        return sorted(path.parent.name for path in root.glob("*/study.yaml"))
    return sorted(path.stem for path in root.glob("*.yaml"))


def names(folder: str) -> list[str]:
    """The names of all content of one kind."""
    return sorted({name for root in places() for name in listed(root / folder, folder)})


def everything(folder: str) -> list[Path]:
    """Every file of one kind, those of the working folder before the shipped ones of the same name."""
    found: dict[str, Path] = {}
    for root in reversed(places()):
        for name in listed(root / folder, folder):
            found[name] = next(c for c in _candidates(root / folder, name, folder) if c.is_file())
    return [found[name] for name in sorted(found)]


def _candidates(root: Path, name: str, folder: str) -> list[Path]:
    if folder == "studies":
        return [root / name / "study.yaml", root / name]
    return [root / name, root / f"{name}.yaml"]


def _also_called(root: Path, name: str) -> list[Path]:
    """Files that list the name under `also` (searched as text, since parsing every file would take longer)."""
    line = re.compile(rf"^also: \[(.*, )?{re.escape(name)}(, .*)?\]", re.MULTILINE)
    return [
        path for path in sorted(root.glob("*.yaml")) if line.search(path.read_text(encoding="utf-8", errors="replace"))
    ]


def _short(path: Path) -> str:
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
