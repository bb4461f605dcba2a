"""What a name on the command line means: a network, a space, or a trial of a study."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nas import content, genotype, recorded, space, strict_yaml
from nas.cost import cost
from nas.errors import NasError
from nas.genotype import Clip, Genotype
from nas.space import Space
from nas.template import TAGS


@dataclass(frozen=True)
class Network:
    """A genotype and the name it goes by."""

    genotype: Genotype
    name: str

    def at(self, *, frames: int | None, size: int | None, classes: int | None) -> Genotype:
        """The genotype at another clip or number of classes."""
        clip = self.genotype.input
        clip = Clip(frames=frames or clip.frames, size=size or clip.size)
        return self.genotype.model_copy(update={"input": clip, "classes": classes or self.genotype.classes})


def resolve(target: str, trial: int | None = None) -> Network | Space:
    """The network or space that `target` names; raises NasError with what is near."""
    path = Path(target)
    if path.is_dir() or trial is not None:
        return _of_study(path if path.is_dir() else Path("studies") / target, trial)
    file = _find(target)
    item = strict_yaml.read(file, tags=TAGS)
    if _has_tags(item):
        return space.load(file)
    found = genotype.load(file)
    genotype.located(lambda: cost(found), item, str(file))
    recorded.check(found, str(file))
    return Network(found, found.name or file.stem)


def _find(target: str) -> Path:
    if target.startswith("space/"):
        return content.find(target, "space")
    try:
        return content.find(target, "models")
    except NasError as missing:
        try:
            return content.find(target, "space")
        except NasError:
            raise missing from None


def _of_study(folder: Path, number: int | None) -> Network:
    from nas import fronts
    from nas.study import open_study

    study = open_study(folder)
    if number is None:
        raise NasError("is a study", where=str(folder), fix="add --trial N for one of its trials, or run nas pareto")
    return Network(fronts.genotype_of(study.trial(number)), f"{study.name}, trial {number}")


def _has_tags(item: strict_yaml.Item) -> bool:
    if item.tag:
        return True
    inside = item.value
    children = inside.values() if isinstance(inside, dict) else inside if isinstance(inside, list) else ()
    return any(_has_tags(child) for child in children)
