"""From a network back to the record of a space that builds it, so that a search can start from known networks.

The template is walked place by place (unit, stem, stages, the rest); an answer that makes another stem or stage than
the network has is given up at once. Networks are compared as trees, at the space's clip and number of classes: what
a network sees is not part of its design.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from nas import genotype as genotypes
from nas.errors import NasError
from nas.frozen import FrozenMap
from nas.genotype import Genotype
from nas.network import Piece, key, stage_piece, stem_piece
from nas.records import Record
from nas.space import Space
from nas.template import Constant, Hole, ListTemplate, MapTemplate, Repeat

MAX_TRIED = 300_000  # stems and stages compared before a search for a record is given up


def record_of(space: Space, network: Genotype) -> Record:
    """A record of `space` whose genotype builds `network`, apart from its clip and classes.

    Raises NasError, naming the part of the network that no option makes, where there is none.
    """
    search = _Search(space, network)
    try:
        found = next(search.run(), None)
    except _GivenUp:
        raise NasError(
            f"no record for {network.name or 'the network'} was found among {MAX_TRIED:,} attempts", where=space.name
        ) from None
    if found is None:
        raise NasError(
            f"no record builds {network.name or 'the network'}: its {search.farthest} is not among the options",
            where=space.name,
            fix="start from a network that nas show and the space describe alike, or add its options to the space",
        )
    return found


class _GivenUp(Exception):
    pass


@dataclass
class _Search:
    space: Space
    network: Genotype
    tried: int = 0
    reached: int = -1  # number of places that were met together at best
    stem: Piece = field(init=False)
    stages: list[Piece] = field(init=False)

    def __post_init__(self):
        self.stem = stem_piece(self.network.stem, ())
        self.stages, c_in = [], self.stem.c_out
        for stage in self.network.stages:
            self.stages.append(stage_piece(stage, c_in, ()))
            c_in = self.stages[-1].c_out

    @property
    def farthest(self) -> str:
        """The first part of the network that could not be met."""
        if self.reached < 0:
            return "stem"
        return f"stages.{self.reached}" if self.reached < len(self.stages) else "number of stages, deflation or head"

    def run(self) -> Iterator[Record]:
        """Records that build the network."""
        for root, record in _opened(self.space.template, {}):
            keys = dict(root.items) if isinstance(root, MapTemplate) else {k: Constant(v) for k, v in root.value}
            stem, unit = keys.pop("stem", None), keys.pop("unit", Constant(1))
            for scale, one in ways(unit, record):
                for two in self._stem(stem, scale, one):
                    for three in self._stages(keys["stages"], scale, two):
                        yield from self._whole(keys, three)

    def _stem(self, template: Any, unit: int, record: Record) -> Iterator[Record]:
        if template is None:
            if stem_piece(genotypes.Stem(), ()).digest == self.stem.digest:
                yield from self._met(0, record)
            return
        for value, answers in ways(template, record):
            self._count()
            stem = genotypes.known_section("stem", genotypes.in_units(value, unit))
            if stem.width == self.network.stem.width and _made(stem_piece, stem, ()) == self.stem.digest:
                yield from self._met(0, answers)

    def _stages(self, template: Any, unit: int, record: Record) -> Iterator[Record]:
        if isinstance(template, Constant):
            template = ListTemplate(tuple(map(Constant, template.value)))
        yield from self._from_stage(0, list(template.values), unit, record)

    def _from_stage(self, number: int, places: list[Any], unit: int, record: Record) -> Iterator[Record]:
        if places and isinstance(places[0], Repeat):
            repeat, *others = places
            for times, answers in ways(_times(repeat), record):
                yield from self._from_stage(number, [*repeat.copies[:times], *others], unit, answers)
            return
        if not places or number == len(self.stages):
            if not places and number == len(self.stages):
                yield record
            return
        wanted, c_in = self.network.stages[number], self._c_in(number)
        for value, answers in _stage_ways(places[0], wanted, unit, record):
            self._count()
            stage = genotypes.known_stage(genotypes.in_units(value, unit))
            if _made(stage_piece, stage, c_in, ()) == self.stages[number].digest:
                for met in self._met(number + 1, answers):
                    yield from self._from_stage(number + 1, places[1:], unit, met)

    def _whole(self, keys: dict[str, Any], record: Record) -> Iterator[Record]:
        """Answers to what stands beside stem and stages, where they make the same network."""
        rest = MapTemplate(tuple(keys), tuple(keys.values()))
        for _, answers in ways(rest, record):
            made = self.space.genotype(answers)
            here = self.network.model_copy(update={"input": made.input, "classes": made.classes})
            try:
                if key(made) == key(here):
                    yield answers
            except NasError:
                continue

    def _c_in(self, number: int) -> int:
        return self.stages[number - 1].c_out if number else self.stem.c_out

    def _met(self, places: int, record: Record) -> Iterator[Record]:
        self.reached = max(self.reached, places)
        yield record

    def _count(self) -> None:
        self.tried += 1
        if self.tried > MAX_TRIED:
            raise _GivenUp


def ways(node: Any, record: Record) -> Iterator[tuple[Any, Record]]:
    """Every value that a template can take under the answers so far, with the answers that make it."""
    if isinstance(node, Constant):
        yield node.value, record
    elif isinstance(node, Hole):
        for value, answers in _opened(node, record):
            yield from ways(value, answers)
    elif isinstance(node, MapTemplate):
        for values, answers in _each(node.values, record):
            yield FrozenMap(zip(node.keys, values, strict=True)), answers
    else:
        yield from _list_ways(list(node.values), record)


def _opened(node: Any, record: Record) -> Iterator[tuple[Any, Record]]:
    """The options of a hole (of holes in holes) that the answers so far allow; any other template is itself."""
    if not isinstance(node, Hole):
        yield node, record
        return
    for label, option in zip(node.labels, node.options, strict=True):
        if node.name not in record or (type(record[node.name]), record[node.name]) == (type(label), label):
            yield from _opened(option, {**record, node.name: label})


def _each(nodes: tuple[Any, ...], record: Record) -> Iterator[tuple[tuple, Record]]:
    if not nodes:
        yield (), record
        return
    for value, answers in ways(nodes[0], record):
        for values, final in _each(nodes[1:], answers):
            yield (value, *values), final


def _list_ways(places: list[Any], record: Record) -> Iterator[tuple[tuple, Record]]:
    repeat = next((place for place in places if isinstance(place, Repeat)), None)
    if repeat is None:
        yield from _each(tuple(places), record)
        return
    at = places.index(repeat)
    for times, answers in ways(_times(repeat), record):
        yield from _list_ways([*places[:at], *repeat.copies[:times], *places[at + 1 :]], answers)


def _times(repeat: Repeat) -> Any:
    return repeat.times if isinstance(repeat.times, Hole) else Constant(repeat.times)


def _stage_ways(node: Any, wanted: genotypes.Stage, unit: int, record: Record) -> Iterator[tuple[Any, Record]]:
    """The ways of a stage that have the wanted depth and width, which are decided first."""
    for template, opened in _opened(node, record):
        if not isinstance(template, MapTemplate):
            yield from ways(template, opened)
            continue
        keys = dict(template.items)
        depths = [a for value, a in ways(keys.get("depth", Constant(None)), opened) if value == wanted.depth]
        for answers in depths:
            widths = ways(keys.get("width", Constant(None)), answers)
            for two in (a for value, a in widths if value is not None and value * unit == wanted.width):
                yield from ways(template, two)


def _made(make, *arguments) -> str:
    """The digest of what is built, empty where nothing can be."""
    try:
        return make(*arguments).digest
    except NasError:
        return ""
