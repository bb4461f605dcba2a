"""Full-size training of one genotype into a folder that can be killed, resumed and carried away.

The folder is its own memory: genotype.yaml says which network, checkpoint.safetensors how far it is and
with which settings, metrics.json that it is finished. Whatever does not match stops the run; nothing is
overwritten by another one.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Mapping
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from torch import nn

import nas
from nas import checkpoint, files, inflate, recorded, testing, train
from nas import genotype as genotypes
from nas.build import build
from nas.console import count
from nas.cost import cost
from nas.data_settings import DataSettings
from nas.errors import NasError
from nas.group import ALONE, Group
from nas.recipe import RetrainSettings
from nas.run_files import LOCK, Keeper, claimed, read_metrics, unreadable, write_confusion, write_json
from nas.weights import Weights

if TYPE_CHECKING:
    from nas.data.pack import Pack

INITIAL, METRICS, CHECKPOINT = "initial.json", "metrics.json", "checkpoint.safetensors"
WEIGHTS = "weights.safetensors"
WRITTEN = (METRICS, "curve.csv", "confusion.csv", "best.safetensors", "weights.safetensors")  # after genotype.yaml
LIBRARIES = ("torch", "safetensors", "numpy", "pydantic")


def retrain(
    genotype: genotypes.Genotype,
    pack: Pack,
    settings: RetrainSettings,
    folder: Path,
    *,
    seed: int,
    data: DataSettings,
    name: str = "",
    weights: Weights | None = None,
    device: str = "auto",
    on_epoch: Callable[[dict], None] | None = None,
    on_step: Callable[[int, int], None] | None = None,
    on_note: Callable[[str], None] | None = None,
    on_test: Callable[[int, int], None] | None = None,
    facts: Mapping | None = None,
    group: Group = ALONE,
) -> train.Result:
    """Train `genotype` at its full size into `folder`; the same call again resumes it, or finds it finished.

    >>> retrain(genotype, pack, RetrainSettings(), Path("runs/17"), seed=0, data=DataSettings())  # doctest: +SKIP
    Result(accuracy=0.91, ...)

    Writes genotype.yaml, checkpoint.safetensors (each epoch), best.safetensors (weights of the epoch with
    the highest validation accuracy), weights.safetensors (of the last epoch), curve.csv, confusion.csv (true classes in
    rows) and metrics.json, both of the test on several views of each validation video; it also keeps the `name` of the
    network (default: the genotype's), `data`, which `pack` was made from, and `facts`: what the caller knows of where
    the genotype is from, as JSON values.
    The network starts from `weights` where they are given (see `nas.inflate`), and as built from the seed elsewhere;
    initial.json then says from which file and with what changes. `on_note` is told in a line when a run starts from
    weights, is resumed or was already finished, `on_test` how many views the test has seen of how many. Of the
    processes of a `group`, which must all see the folder, the first one writes, speaks and tests.

    Raises NasError when the folder belongs to another genotype, settings, seed, data or weights, when another
    process trains in it, and when network and data or weights do not fit; see also `train.fit`.
    """
    note = on_note or (lambda text: None)
    _check_classes(genotype, pack)
    train.check(pack, settings.train, group)
    if not group.is_first:
        return _beside(genotype, pack, settings, folder, seed=seed, weights=weights, device=device, group=group)
    with files.tidied(folder, LOCK), claimed(folder):
        run = train.identity(pack, settings.train, settings.clip, seed)
        curve = _earlier(folder, genotype, run, weights)
        name = name or genotype.name or folder.name
        if curve and (folder / METRICS).exists() and (folder / WEIGHTS).exists():
            note(f"{folder} is finished already: {count(len(curve), 'epoch')}")
            finished = _stored(folder / METRICS, curve)
            _complete(folder, pack, data, name)
            _test_again(genotype, pack, settings, device, folder, note, on_test, group)
            return finished
        if curve:
            note(f"{folder} goes on after epoch {len(curve)} of {settings.train.epochs}")
        model = _built(genotype, seed)
        if not curve:
            _start(model, folder / INITIAL, weights, note)
        _write_genotype(folder / "genotype.yaml", genotype)
        keeper = Keeper(folder, model, curve, {"seed": seed, "classes": list(pack.classes)}, on_epoch)
        result = train.fit(
            model, pack, settings.train, settings.clip, seed=seed, device=device, group=group,
            on_epoch=lambda so_far: keeper.keep(so_far.curve[-1]), on_step=on_step, checkpoint=folder / CHECKPOINT,
        )  # fmt: skip
        keeper.finish()
        about = {"name": name, **_metrics(genotype, run, result, facts or {}), "data": _data(pack, data)}
        tested = _test(model, pack, settings, device, folder, note, on_test, group)
        write_json(folder / METRICS, {**about, "test": tested, "initial": _initial(folder / INITIAL)})
        return result


def _beside(
    genotype: genotypes.Genotype,
    pack: Pack,
    settings: RetrainSettings,
    folder: Path,
    *,
    seed: int,
    weights: Weights | None,
    device: str,
    group: Group,
) -> train.Result:
    """Train with the first process of the group, which sees to the folder."""
    saved = folder / CHECKPOINT
    if (folder / METRICS).exists() and saved.exists():
        return _stored(folder / METRICS, checkpoint.peek(saved).curve)
    model = build(genotype, seed=seed)
    if weights and not saved.exists():
        inflate.inflate(weights.tensors, model, deflated=weights.deflated)
    how = {"seed": seed, "device": device, "group": group, "checkpoint": saved}
    return train.fit(model, pack, settings.train, settings.clip, **how)


def _write_genotype(path: Path, genotype: genotypes.Genotype) -> None:
    """The genotype with the costs that it is trained at."""
    written = genotype.model_copy(update={"exact": (recorded.record(genotype),), "published": ()})
    files.write(path, genotypes.to_yaml(written).encode())


def _earlier(folder: Path, genotype: genotypes.Genotype, run: dict, weights: Weights | None) -> list[dict]:
    """The epochs an earlier call left in the folder; raises NasError when they are of another run."""
    saved = folder / CHECKPOINT
    others = [name for name in WRITTEN if (folder / name).exists()]
    if not check_genotype(folder, genotype) and others:
        problem = f"has no genotype.yaml of a training, and would lose {', '.join(others)}"
        raise NasError(problem, where=str(folder), fix="choose a new folder")
    if not saved.exists():
        return []
    progress = checkpoint.peek(saved)
    checkpoint.check_same_run(saved, train.renewed(progress.run), run)
    _check_same_weights(folder / INITIAL, weights)
    return progress.curve


def check_genotype(folder: Path, genotype: genotypes.Genotype) -> bool:
    """Whether a run with this genotype is in the folder; raises NasError where another one is."""
    written = folder / "genotype.yaml"
    if not written.exists():
        return False
    there = genotypes.load(written)
    recorded.check(there, str(written))
    checkpoint.check_same_run(written, _without_facts(there), _without_facts(genotype))
    return True


def _without_facts(genotype: genotypes.Genotype) -> dict:
    return genotypes.to_plain(genotype.model_copy(update={"exact": (), "published": ()}))


def _check_same_weights(path: Path, weights: Weights | None) -> None:
    """Raise NasError unless the run in this folder started from the same bytes, under whatever name."""
    old, new = _initial(path), _source(weights) if weights else None
    if any((old or {}).get(name) != (new or {}).get(name) for name in ("sha256", "kernels")):
        told = [
            {"weights": f"{one['file']} ({one['sha256'][:8]}, {one['kernels']})"} if one else {} for one in (old, new)
        ]
        checkpoint.check_same_run(path, *told)


def _start(model: nn.Module, path: Path, weights: Weights | None, note: Callable[[str], None]) -> None:
    """Put the weights into a network that was not trained yet, and write down in `path` what was done."""
    if weights is None:
        path.unlink(missing_ok=True)  # of a run that was killed before its first checkpoint
        return
    try:
        report = inflate.inflate(weights.tensors, model, deflated=weights.deflated)
    except NasError as error:
        raise error.at(str(weights.path)) from None
    write_json(path, {**_source(weights), **asdict(report)})
    first, *others = report.lines()
    note(f"starts from {weights.path}: {first}")
    for line in others:
        note(line)


def _source(weights: Weights) -> dict[str, str]:
    return {"file": weights.path.name, "sha256": weights.sha256, "kernels": weights.deflated}


def _initial(path: Path) -> dict | None:
    """What the network started from besides its seed, if anything."""
    if not path.exists():
        return None
    try:
        stored = json.loads(path.read_text())
        texts = {name: str(stored[name]) for name in ("file", "sha256", "kernels")}
        return {**stored, **texts}
    except (OSError, ValueError, KeyError, TypeError) as error:
        fix = "put its backup back, or move this folder away to start again"
        raise NasError("cannot be read as the start of a run", where=str(path), fix=fix) from error


def _check_classes(genotype: genotypes.Genotype, pack: Pack) -> None:
    if genotype.classes != len(pack.classes):
        problem = f"the network has {genotype.classes} classes, the data {len(pack.classes)}"
        raise NasError(problem, fix=f"set classes: {len(pack.classes)} in the genotype")


def _built(genotype: genotypes.Genotype, seed: int) -> nn.Module:
    """The network, which costs what its genotype says: what was searched is what is trained."""
    recorded.check_built(genotype)
    return build(genotype, seed=seed)


def _data(pack: Pack, data: DataSettings) -> dict:
    """The videos as JSON values: where they are, what is kept of them, what their classes are."""
    task, sizes = pack.task, {"classes": len(pack.classes), "train": len(pack.train), "val": len(pack.val)}
    sizes["skipped"] = pack.skipped
    told = {"settings": data.model_dump(mode="json"), "names": list(task.classes)}
    return {"fingerprint": pack.fingerprint, **sizes, "multilabel": task.multilabel, "metric": task.metric, **told}


def _metrics(genotype: genotypes.Genotype, run: dict, result: train.Result, facts: Mapping) -> dict:
    """Everything worth knowing of a finished run, as JSON values; costs are of one clip of `costs.clip`."""
    counted = cost(genotype)
    best = max(result.curve, key=lambda row: row["val_accuracy"])
    measured = {key: value for key, value in asdict(result).items() if key != "curve"}
    return {
        **measured,
        "top5": (result.precise or result.curve[-1]).get("val_top5"),
        "best": {"epoch": best["epoch"], "accuracy": best["val_accuracy"]},
        "costs": {**counted.known(), "macs": counted.macs, "clip": str(genotype.input)},
        "train": run["train"],
        "clip": run["clip"],
        "seed": run["seed"],
        "versions": _versions(),
        "facts": dict(facts),
    }


def _test(
    model: nn.Module,
    pack: Pack,
    settings: RetrainSettings,
    device: str,
    folder: Path,
    note: Callable[[str], None],
    on_test: Callable[[int, int], None] | None,
    group: Group,
) -> dict:
    """What the trained network makes of several views of each validation video, as JSON values; tells it in lines."""
    how = {"device": device, "precision": settings.train.precision, "multilabel": pack.task.multilabel}
    test = testing.arrow if settings.test.reverse else testing.test
    batch = settings.train.at_once(group.size)  # what has fitted into memory
    views = testing.in_words(settings.test) + (", and again with frames reversed" if settings.test.reverse else "")
    note(f"testing {count(len(pack.val), 'video')}: {views}")
    total = settings.test.of(len(pack.val))
    tell = on_test and (lambda seen: on_test(seen, total))
    if on_test:
        on_test(0, total)
    found = test(model, pack.val, settings.clip, settings.test, batch=batch, on_batch=tell, **how)
    lines = testing.lines(found)
    for line in lines:
        note(line)
    forward = found.forward if isinstance(found, testing.Arrow) else found
    told = {"settings": settings.test.model_dump(mode="json"), "lines": lines}
    told |= {"views": forward.views, "video": forward.video.to_plain(), "clip": forward.clip.to_plain()}
    if isinstance(found, testing.Arrow):
        told["reversed"] = {"video": found.backward.video.to_plain(), "clip": found.backward.clip.to_plain()}
    if forward.video.confusion is not None:
        write_confusion(folder / "confusion.csv", pack.classes, forward.video.confusion)
    return told


def _complete(folder: Path, pack: Pack, data: DataSettings, name: str) -> None:
    """Add what metrics.json did not tell yet when an earlier version wrote it."""
    about = read_metrics(folder / METRICS)
    if "name" not in about:
        write_json(folder / METRICS, {**about, "name": name, "data": _data(pack, data)})


def _test_again(
    genotype: genotypes.Genotype,
    pack: Pack,
    settings: RetrainSettings,
    device: str,
    folder: Path,
    note: Callable[[str], None],
    on_test: Callable[[int, int], None] | None,
    group: Group,
) -> None:
    """Tell the test of a finished run, after doing it anew where the recipe's test is another one now."""
    about = read_metrics(folder / METRICS)
    before = about.get("test") or {}
    if before.get("settings") == settings.test.model_dump(mode="json"):
        for line in before["lines"]:
            note(line)
        return
    model = _built(genotype, about["seed"])
    checkpoint.load_weights(folder / WEIGHTS, model)
    write_json(folder / METRICS, about | {"test": _test(model, pack, settings, device, folder, note, on_test, group)})


def _versions() -> dict[str, str]:
    libraries = {name: metadata.version(name) for name in LIBRARIES}
    return {"nas": nas.__version__, "python": platform.python_version(), **libraries}


def _stored(path: Path, curve: list[dict]) -> train.Result:
    """The result of a finished run, from its metrics and the curve in its checkpoint."""
    try:
        stored = {"wait_cause": "", "precise": {}} | read_metrics(path)  # what earlier versions did not tell
        names = ("accuracy", "seconds", "wait_share", "wait_cause", "peak_memory", "device", "precise")
        return train.Result(curve=curve, **{name: stored[name] for name in names})
    except (KeyError, TypeError) as error:
        raise unreadable(path) from error
