"""A study's recipe: everything that decides what `nas search` does, written in study.yaml.

Each field says its meaning, its unit and its default on the line above it; the shipped recipes under
`studies/` are instances of `Recipe`, and a resumed study compares its own with the one it is given.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveInt, field_validator, model_validator

from nas import presets, strict_yaml
from nas.blocks.registry import plain
from nas.cluster_settings import ClusterSettings
from nas.data_settings import ClipSettings, DataSettings, Fraction, PackSettings, ViewSettings
from nas.errors import NasError
from nas.genotype import located
from nas.schema import SchemaError, Settings, validate
from nas.train_settings import TrainSettings
from nas.units import Budget, objectives


class ProxySettings(Settings):
    """The reduced training that estimates a genotype's accuracy in a search."""

    # widths are multiplied by this and rounded to multiples of 8
    width: Fraction = 0.25
    # numbers of blocks are multiplied by this and rounded half up
    depth: Fraction = 1.0
    clip: ClipSettings = ClipSettings()
    train: TrainSettings = TrainSettings()

    def __str__(self) -> str:
        frames, size = self.clip.frames, self.clip.size
        scaled = f"width x{self.width:g}, depth x{self.depth:g}"
        return f"{scaled}, {frames}x{size}x{size} clips, {self.train.epochs} epochs"


class RetrainSettings(Settings):
    """The full training of a chosen genotype, at its own width and depth, and its test."""

    # the name of a paper's recipe in studies/presets/, which fills what is not written here; empty: none
    preset: str = ""
    # what is kept of each video for it; null: as for the proxies
    pack: PackSettings | None = None
    clip: ClipSettings = ClipSettings()
    train: TrainSettings = TrainSettings()
    test: ViewSettings = ViewSettings()

    @model_validator(mode="before")
    @classmethod
    def _filled(cls, written: Any) -> Any:
        name = written.get("preset") if isinstance(written, dict) else ""
        return presets.filled(name, written) if name and isinstance(name, str) else written


class StoppingSettings(Settings):
    """Which trainings end early: asynchronous successive halving among networks of equal cost."""

    # epochs after which a trial is compared with those that got as far; empty: every training runs to its end
    rungs: tuple[PositiveInt, ...] = ()
    # about one of so many goes on from a rung
    reduction: Annotated[float, Field(gt=1)] = 3.0
    # trials whose multiply-accumulates differ by less than this factor are compared
    band: Annotated[float, Field(gt=1)] = 2.0


class GuardSettings(Settings):
    """What one training may take before it is ended and its trial fails."""

    # seconds, however it spends them: also one that hangs is ended; 0: any number
    seconds: Annotated[float, Field(ge=0)] = 0.0
    # GiB of memory of the process that trains, looked at after each step; 0: any amount
    memory: Annotated[float, Field(ge=0)] = 0.0


class LatencySettings(Settings):
    """How networks run whose milliseconds are an objective or a budget: in inference mode, at the space's clip."""

    # auto (the GPU where there is one), cpu, cuda or cuda:N
    device: str = "auto"
    # CPU threads; 0: as many as torch takes
    threads: Annotated[int, Field(ge=0)] = 0
    # auto: fp32 on a CPU, bf16 on a GPU (fp16 on one without it)
    dtype: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    memory_format: Literal["channels_last", "contiguous"] = "channels_last"
    # clips at once, whose milliseconds together are the latency
    batch: PositiveInt = 1


class SamplerSettings(Settings):
    """Who proposes the next genotype."""

    # front (costs are known, accuracy is modelled), evolution (regularised), uniform; from Optuna tpe (multivariate and
    # grouped), nsga2, nsga3, gp; or one of your own, in a file that --import names
    kind: str = "front"
    # trials before front, tpe and gp model anything (front spreads them over cost, the others draw)
    startup: PositiveInt = 10
    # trials among which evolution picks parents; individuals of a generation of nsga2 and nsga3
    population: Annotated[int, Field(ge=4)] = 12
    # score:factor, such as entropy:8, trains the best by a score of so many proposals; empty: every proposal
    screen: str = ""

    @field_validator("screen")
    @classmethod
    def _screen(cls, text: str) -> str:
        if text and not re.fullmatch(r"[\w.-]+:[1-9]\d*", text):
            raise NasError(f"'{text}' is no screen", fix="write score:factor, such as entropy:8")
        return text


class Recipe(Settings):
    """A study: what is searched, under which budget, on which data, how, and how the pick is retrained."""

    # schema version of the file
    nas: Literal[1] = 1
    # the search space: a file, or the name of one in space/
    space: str = "csn"
    # limits that every trained genotype meets, such as 35gflops, 10..35gflops,25mparams or 40ms; empty: none
    budget: str = ""
    # networks to train first, such as [models/ir-csn-50.yaml]; all: the published ones that the space holds and that
    # meet the budget
    start_from: tuple[str, ...] = ()
    # accuracy and any costs: gflops mparams mweights mactivations mnorms depth latency (milliseconds) are better low,
    # ginteractions high
    objectives: tuple[str, ...] = ("accuracy", "gflops", "ginteractions")
    # number of networks to train
    trials: PositiveInt = 40
    # decides everything that chance decides
    seed: Annotated[int, Field(ge=0)] = 0
    sampler: SamplerSettings = SamplerSettings()
    data: DataSettings = DataSettings()
    proxy: ProxySettings = ProxySettings()
    stopping: StoppingSettings = StoppingSettings()
    guard: GuardSettings = GuardSettings()
    latency: LatencySettings = LatencySettings()
    retrain: RetrainSettings = RetrainSettings()
    cluster: ClusterSettings = ClusterSettings()

    @field_validator("nas", mode="before")
    @classmethod
    def _version(cls, version: Any) -> Any:
        if isinstance(version, int) and version > 1:
            raise NasError(f"schema version {version} is newer than this program knows (1)", fix="update video-nas")
        return version

    @field_validator("budget", mode="before")
    @classmethod
    def _budget(cls, text: str) -> str:
        return str(Budget.parse(text)) if text else ""

    @field_validator("objectives", mode="before")
    @classmethod
    def _objectives(cls, names: str | list[str] | tuple[str, ...]) -> tuple[str, ...]:
        return objectives(names if isinstance(names, str) else list(names))

    @model_validator(mode="after")
    def _rungs(self) -> Recipe:
        rungs, epochs = self.stopping.rungs, self.proxy.train.epochs
        if any(one >= other for one, other in pairwise((*rungs, epochs))):
            told = f"{' '.join(map(str, rungs))} do not rise to less than the {epochs} epochs of a proxy"
            fix = "write rising numbers below that, or none: rungs: []"
            raise SchemaError(told, path=("stopping", "rungs"), fix=fix)
        return self

    @property
    def limits(self) -> Budget:
        """The budget, read."""
        return Budget.parse(self.budget) if self.budget else Budget()

    @property
    def timed(self) -> bool:
        """Whether latency is an objective or limited by the budget."""
        return "latency" in self.objectives or self.limits.limits_latency()


def load(path) -> Recipe:
    """Read a study.yaml; errors name file and line."""
    item = strict_yaml.read(path)
    return located(lambda: validate(Recipe, strict_yaml.plain(item)), item, str(path))


def to_plain(recipe: Recipe) -> dict:
    """All settings as plain data, defaults included."""
    return plain(recipe)


def to_yaml(recipe: Recipe) -> str:
    """All settings as YAML, defaults included."""
    return strict_yaml.dump(plain(recipe))


def differences(old: dict, new: dict, path: str = "") -> list[str]:
    """The settings that differ, one line each: `proxy.train.epochs: 8 -> 12`."""
    lines = []
    for key in dict.fromkeys([*old, *new]):
        name = f"{path}.{key}" if path else key
        before, after = old.get(key), new.get(key)
        if isinstance(before, dict) and isinstance(after, dict):
            lines += differences(before, after, name)
        elif before != after:
            lines.append(f"{name}: {before} -> {after}")
    return lines
