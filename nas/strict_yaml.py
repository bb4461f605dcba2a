"""YAML without surprises: every value keeps its line, and what YAML 1.1 would twist is refused.

Only maps, lists and scalars are read (nothing constructs objects). Refused with file and line: duplicate
keys, `<<` merges, unknown tags, values that contain themselves, plain text that YAML 1.1 reads as something
else (`yes`, `010`, `12:30:45`, `1e9`), files over a sane size, and aliases that expand without bound.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from nas.errors import NasError

MAX_BYTES = 1 << 20
MAX_VALUES = 200_000  # after expanding aliases
MAX_NESTING = 60
INCLUDE = "!include"

_INT = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"[-+]?(0|[1-9][0-9]*)\.[0-9]+([eE][-+]?[0-9]+)?|[-+]?(0|[1-9][0-9]*)[eE]-[0-9]+")
_TWISTED = re.compile(
    r"(?i:yes|no|on|off|y|n|\.inf|[-+]\.inf|\.nan)"  # booleans and numbers by another name
    r"|[-+]?0[0-9_]+|0x[0-9a-fA-F_]+|0b[01_]+|0o[0-7]+"  # other bases
    r"|[-+]?[0-9][0-9_]*_[0-9_]*(\.[0-9_]*)?"  # digits in groups
    r"|[-+]?[0-9]+(:[0-5]?[0-9])+(\.[0-9]*)?"  # base 60
    r"|[-+]?[0-9.]+[eE][-+]?[0-9]+"  # exponents that YAML 1.1 takes for text
    r"|[-+]?[0-9]+\.|[-+]?\.[0-9]+"  # half a decimal number
    r"|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}.*"  # dates
)
_STANDARD = "tag:yaml.org,2002:"
_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}


@dataclass(frozen=True, eq=False, slots=True)
class Item:
    """A YAML value and its place. An alias is the same Item as its anchor: identity means sharing."""

    value: Any  # dict[str, Item] | list[Item] | str | int | float | bool | None
    line: int
    tag: str | None = None
    anchor: str | None = None
    file: str = "<text>"

    @property
    def place(self) -> str:
        """File and line, as errors name them."""
        return f"{self.file}:{self.line}"


def read(path: Path | str, *, tags: tuple[str, ...] = ()) -> Item:
    """Read one file. Only `tags` may appear; raises NasError with file and line.

    Where `tags` hold !include, `!include csn.yaml` stands for that file in the same folder, with its anchors
    called `csn.<anchor>`; `!include {file: csn.yaml, with: {classes: 5}}` replaces some of its keys.
    """
    return _read(Path(path), tags, "")


def _read(path: Path, tags: tuple[str, ...], prefix: str) -> Item:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise NasError(f"is larger than {MAX_BYTES >> 20} MiB", where=str(path), fix="is it really YAML?")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise NasError(_cause(error), where=str(path)) from error
    return _parse(text, str(path), tags, prefix)


def parse(text: str, *, name: str = "<text>", tags: tuple[str, ...] = ()) -> Item:
    """Read YAML from a string; `name` stands for the file in errors.

    >>> plain(parse("{depth: 3, kernel: [3, 7, 7]}"))
    {'depth': 3, 'kernel': [3, 7, 7]}
    """
    return _parse(text, name, tags, "")


def _parse(text: str, name: str, tags: tuple[str, ...], prefix: str) -> Item:
    try:
        composer = _Composer(text)
        node = composer.get_single_node()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        told = ", ".join(text for text in (error.context, error.problem) if text)
        raise NasError(told, where=f"{name}:{line}") from None
    except yaml.YAMLError as error:
        raise NasError(f"is not YAML: {error}", where=name) from None
    except _Refused as refusal:
        raise NasError(refusal.problem, where=f"{name}:{refusal.line}", fix=refusal.fix) from None
    except (ValueError, OverflowError) as error:
        raise NasError(f"has a character or number that cannot be read: {error}", where=name) from None
    if node is None:
        raise NasError("is empty", where=name)
    try:
        return _Converter(composer.anchor_of, tags, name, prefix).convert(node)
    except _Refused as refusal:
        raise NasError(refusal.problem, where=f"{name}:{refusal.line}", fix=refusal.fix) from None


def plain(item: Item) -> Any:
    """The ordinary dicts, lists and scalars of an Item that holds no tags."""
    if isinstance(item.value, dict):
        return {key: plain(value) for key, value in item.value.items()}
    if isinstance(item.value, list):
        return [plain(value) for value in item.value]
    return item.value


def at(item: Item, path: tuple[str | int, ...]) -> Item:
    """The value at `path`, or the deepest part of the path that exists."""
    for step in path:
        inside = item.value
        if (
            isinstance(inside, dict)
            and step in inside
            or isinstance(inside, list)
            and isinstance(step, int)
            and step < len(inside)
        ):
            item = inside[step]
        else:
            break
    return item


def files(item: Item) -> list[str]:
    """The files that a value was read from, in the order in which they appear."""
    found: dict[str, None] = {}
    stack, seen = [item], set()
    while stack:
        one = stack.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        found.setdefault(one.file)
        if isinstance(one.value, dict | list):
            inside = one.value.values() if isinstance(one.value, dict) else one.value
            stack.extend(reversed(list(inside)))
    return list(found)


def dump(value: Any) -> str:
    """Plain data as YAML: keys in the order given, short lists on one line."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=160)


def _cause(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(error, IsADirectoryError):
        return "is a folder, a file is expected"
    if isinstance(error, PermissionError):
        return "cannot be read: no permission"
    if isinstance(error, UnicodeDecodeError):
        return "is not a text file"
    return f"cannot be read: {error}"


class _Refused(Exception):
    def __init__(self, problem: str, line: int, fix: str = ""):
        self.problem, self.line, self.fix = problem, line, fix
        super().__init__(problem)


class _Composer(yaml.SafeLoader):
    """PyYAML's composer, which forgets anchors; this one keeps them and bounds the nesting."""

    def __init__(self, text: str):
        super().__init__(text)
        self.anchor_of: dict[int, str] = {}
        self.nesting = 0

    def compose_node(self, parent, index):
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent):
            return super().compose_node(parent, index)
        self.nesting += 1
        if self.nesting > MAX_NESTING:
            raise _Refused(f"is nested over {MAX_NESTING} levels deep", event.start_mark.line + 1)
        node = super().compose_node(parent, index)
        self.nesting -= 1
        if event.anchor:
            self.anchor_of[id(node)] = event.anchor
        return node


class _Converter:
    """From PyYAML's nodes to Items, strictly; an aliased node is converted once."""

    def __init__(self, anchor_of: dict[int, str], tags: tuple[str, ...], file: str, prefix: str):
        self.anchor_of, self.tags, self.file, self.prefix = anchor_of, tags, file, prefix
        self.done: dict[int, tuple[Item, int]] = {}
        self.open: set[int] = set()

    def convert(self, node: yaml.Node) -> Item:
        return self._convert(node)[0]

    def _convert(self, node: yaml.Node) -> tuple[Item, int]:
        """The Item and how many values it expands to."""
        if id(node) in self.done:
            return self.done[id(node)]
        line = node.start_mark.line + 1
        if id(node) in self.open:
            raise _Refused("a value contains itself", line)
        self.open.add(id(node))
        value, size = self._value(node, line)
        if size > MAX_VALUES:
            raise _Refused(f"aliases expand to more than {MAX_VALUES:,} values", line)
        self.open.discard(id(node))
        tag, anchor = self._tag(node, line), self.anchor_of.get(id(node))
        item = Item(value, line, tag, self.prefix + anchor if anchor else None, self.file)
        if tag == INCLUDE:
            item = self._included(item)
        self.done[id(node)] = (item, size)
        return item, size

    def _included(self, item: Item) -> Item:
        """What an !include stands for."""
        asked = {"file": item} if isinstance(item.value, str) else item.value
        if not isinstance(asked, dict) or not {"file"} <= set(asked) <= {"file", "with"}:
            raise _Refused("!include needs a file", item.line, "write !include csn.yaml, or {file: ..., with: {...}}")
        name = Path(str(asked["file"].value))
        if self.prefix:
            raise _Refused("an included file includes another", item.line, "include that one in the first file")
        if len(name.parts) != 1 or name.stem in ("space", "study"):  # a study keeps copies side by side
            raise _Refused(f"{name} cannot be included", item.line, "name a file in the same folder, such as csn.yaml")
        path = Path(self.file).parent / name
        if not path.is_file():
            raise _Refused(f"the included file {name} does not exist", item.line, f"it is looked for in {path.parent}")
        inner = _read(path, self.tags, f"{name.stem}.")
        changes = asked["with"].value if "with" in asked else {}
        if changes and not (isinstance(inner.value, dict) and inner.tag is None and isinstance(changes, dict)):
            raise _Refused("`with` replaces keys of a map", item.line, "write with: {classes: 5}")
        return replace(inner, value={**inner.value, **changes}) if changes else inner

    def _value(self, node: yaml.Node, line: int):
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node, line), 1
        if isinstance(node, yaml.SequenceNode):
            parts = [self._convert(child) for child in node.value]
            return [item for item, _ in parts], 1 + sum(size for _, size in parts)
        mapping, total = {}, 1
        for key_node, value_node in node.value:
            key = _key(key_node)
            if key in mapping:
                raise _Refused(f"the key '{key}' stands twice", key_node.start_mark.line + 1, "keep one of them")
            mapping[key], size = self._convert(value_node)
            total += size
        return mapping, total

    def _tag(self, node: yaml.Node, line: int) -> str | None:
        if isinstance(node, yaml.ScalarNode) and node.tag.startswith(_STANDARD):
            return None
        if node.tag in (f"{_STANDARD}map", f"{_STANDARD}seq"):
            return None
        if node.tag in self.tags:
            return node.tag
        allowed = f"only {' '.join(self.tags)} may stand here" if self.tags else "no tag may stand in this file"
        raise _Refused(f"the tag {node.tag} is not allowed", line, allowed)


def _key(node: yaml.Node) -> str:
    line = node.start_mark.line + 1
    if not isinstance(node, yaml.ScalarNode):
        raise _Refused("a key must be plain text", line)
    if node.value == "<<" and node.style is None:
        raise _Refused("'<<' merges are not supported", line, "write the keys out, or alias the whole value")
    if node.style is None and not _INT.fullmatch(node.value) and _TWISTED.fullmatch(node.value):
        raise _Refused(f"the key {node.value} means something else in YAML 1.1", line, f"quote it: '{node.value}'")
    return node.value


def _scalar(node: yaml.ScalarNode, line: int):
    text = node.value
    if node.tag.startswith(_STANDARD) and _tagged(node):
        raise _Refused(f"the tag {node.tag.rsplit(':', 1)[1]} is not allowed", line, "write the value without '!!'")
    if node.style is not None:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _TWISTED.fullmatch(text) or text.lower() in ("true", "false", "null"):
        raise _Refused(
            f"{text} is read differently by different YAML versions",
            line,
            f"write a plain number, true, false or null, or quote it as text: '{text}'",
        )
    return text


def _tagged(node: yaml.ScalarNode) -> bool:
    start = node.start_mark
    return start.buffer[start.pointer : start.pointer + 2] == "!!"


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data):
        return True


def _represent_list(dumper: yaml.SafeDumper, data):
    return dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=_is_flat(data))


def _represent_map(dumper: yaml.SafeDumper, data):
    nested = any(isinstance(item, dict) and len(item) > 3 for item in data.values())
    lists = any(isinstance(v, list | tuple) and not _is_flat(v) for v in data.values())
    return dumper.represent_mapping("tag:yaml.org,2002:map", data.items(), flow_style=not nested and not lists)


def _is_flat(data) -> bool:
    return all(not isinstance(item, dict | list | tuple) for item in data)


def _represent_text(dumper: yaml.SafeDumper, text: str):
    special = _TWISTED.fullmatch(text) or _INT.fullmatch(text) or _FLOAT.fullmatch(text)
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="'" if special else None)


_Dumper.add_representer(dict, _represent_map)
_Dumper.add_representer(list, _represent_list)
_Dumper.add_representer(tuple, _represent_list)
_Dumper.add_representer(str, _represent_text)
