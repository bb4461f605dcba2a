"""How a study's folder says where its trials are: `study.db` in it, or `storage.yaml`, which names a database."""

from __future__ import annotations

from pathlib import Path

from nas import files, strict_yaml
from nas.errors import NasError

DATABASE, POINTER = "study.db", "storage.yaml"
ABOUT = "# The trials are in this database; its password comes from NAS_STORAGE_PASSWORD, PGPASSWORD or ~/.pgpass.\n"


def exists(folder: Path) -> bool:
    """Whether a study was started in this folder."""
    return (folder / DATABASE).exists() or (folder / POINTER).exists()


def write(folder: Path, url: str, name: str) -> None:
    """Let the folder say that its trials are in a database, in the study of that name; `url` has no password."""
    files.write(folder / POINTER, (ABOUT + strict_yaml.dump({"url": url, "study": name})).encode())


def read(folder: Path) -> tuple[str, str] | None:
    """The URL and the study's name, where the folder has no trials of its own; raises NasError for a damaged file."""
    path = folder / POINTER
    if not path.exists():
        return None
    if (folder / DATABASE).exists():
        fix = f"move the one away that is out of date, {DATABASE} or {POINTER}"
        raise NasError(f"has trials of its own, and names a database too ({POINTER})", where=str(folder), fix=fix)
    told = strict_yaml.plain(strict_yaml.read(path))
    if not isinstance(told, dict) or not all(isinstance(told.get(name), str) for name in ("url", "study")):
        problem = "does not say which database and which study in it"
        raise NasError(problem, where=str(path), fix="write url: postgresql://USER@HOST/DATABASE and study: NAME")
    return told["url"], told["study"]
