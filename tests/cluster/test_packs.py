"""Packs on nodes of a real cluster that do not see the driver's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from nas.cluster import packs
from nas.cluster.connecting import connected
from nas.data import source
from nas.data.pack import is_whole, pack
from nas.data_settings import DataSettings, PackSettings
from nas.errors import NasError
from tests.cluster.clusters import can_hide, cluster

KEPT = PackSettings(every=1, frames=8, size=24)


@pytest.fixture(scope="module")
def made(tmp_path_factory, videos):
    """A pack in the driver's cache, and the settings that it was made by."""
    cache = tmp_path_factory.mktemp("driver")
    settings = DataSettings(path=str(videos), pack=KEPT)
    return pack(source(settings, cache=cache), settings, cache, workers=1), settings


@pytest.fixture(scope="module")
def far(made, tmp_path_factory):
    """A cluster with a node that has another cache and does not see the driver's; and this cache."""
    if not can_hide():
        pytest.skip("needs the right to mount")
    cache = tmp_path_factory.mktemp("node")
    with cluster(cpus=0) as one:
        hidden = made[0].folder.parents[1]
        one.add(cpus=2, name="far", env={"NAS_CACHE": str(cache)}, hidden=(hidden,))
        with connected(one.address):
            yield one, cache


def on(name: str, delivery: packs.Delivery, times: int = 1) -> list:
    """What several workers of the node make of a delivery at once: the pack's folder and sums, or an error's text."""
    import ray

    @ray.remote(num_cpus=0, resources={name: 1})
    def get():
        try:
            got = delivery.open()
            return str(got.folder), len(got.train), int(got.train.store.frames(0).sum()), got.classes
        except NasError as error:
            return str(error)

    return ray.get([get.remote() for _ in range(times)])


def empty(cache: Path) -> None:
    import shutil

    shutil.rmtree(cache / "packs", ignore_errors=True)


def told(made) -> tuple:
    return len(made.train), int(made.train.store.frames(0).sum()), made.classes


def test_who_sees_the_pack_takes_it_where_it_is(far, made):
    [(folder, *rest)] = on("head", packs.delivery(*made, "shared"))
    assert folder == str(made[0].folder) and tuple(rest) == told(made[0])


def test_shared_packs_are_not_brought(far, made):
    [text] = on("far", packs.delivery(*made, "shared"))
    assert text == (
        f"node far: does not see the pack at {made[0].folder}; mount that storage there, or write packs: copy "
        "under cluster: in the recipe"
    )


def test_a_copy_is_made_once_and_is_whole(far, made):
    cache = far[1]
    empty(cache)
    answers = on("far", replace(packs.delivery(*made, "copy"), piece=10_001), times=3)
    wanted = cache / "packs" / made[0].fingerprint
    assert answers == [(str(wanted), *told(made[0]))] * 3
    for path in made[0].folder.iterdir():
        if path.name != "verified.json":
            assert (wanted / path.name).read_bytes() == path.read_bytes()
    assert not wanted.with_suffix(".copying").exists() and is_whole(wanted)
    inode = (wanted / "index.json").stat().st_ino
    on("far", packs.delivery(*made, "copy"))
    assert (wanted / "index.json").stat().st_ino == inode, "made once"


def test_a_copying_that_was_killed_goes_on(far, made):
    cache = far[1]
    empty(cache)
    partial = cache / "packs" / f"{made[0].fingerprint}.copying"
    partial.mkdir(parents=True)
    frames = next(made[0].folder.glob("*.frames"))
    (partial / frames.name).write_bytes(frames.read_bytes()[:5000])
    [(folder, *rest)] = on("far", packs.delivery(*made, "copy"))
    assert tuple(rest) == told(made[0]) and (Path(folder) / frames.name).read_bytes() == frames.read_bytes()


def test_a_copy_that_is_altered_on_its_way_is_refused(far, made):
    cache = far[1]
    empty(cache)
    partial = cache / "packs" / f"{made[0].fingerprint}.copying"
    partial.mkdir(parents=True)
    frames = next(made[0].folder.glob("*.frames"))
    (partial / frames.name).write_bytes(bytes(5000))
    [text] = on("far", packs.delivery(*made, "copy"))
    assert text.startswith("node far: ") and "this pack is damaged" in text and not partial.exists()
    [(_, *rest)] = on("far", packs.delivery(*made, "copy"))
    assert tuple(rest) == told(made[0])


def test_a_pack_is_built_where_the_videos_are_the_same(far, made):
    cache = far[1]
    empty(cache)
    [(folder, *rest)] = on("far", packs.delivery(*made, "build"))
    assert folder == str(cache / "packs" / made[0].fingerprint) and tuple(rest) == told(made[0])


def test_other_videos_are_not_built(far, made):
    empty(far[1])
    other = made[1].model_copy(update={"pack": PackSettings(every=1, frames=4, size=24)})
    [text] = on("far", packs.delivery(made[0], other, "build"))
    assert text.startswith("node far: the videos there are not the driver's (fingerprint ") and "rsync -a" in text
    assert not list((far[1] / "packs").glob("*/index.json")), "nothing was decoded"


def test_a_disk_that_is_too_small(made, tmp_path, monkeypatch):
    delivery = packs.Delivery(tmp_path / "gone", {"index.json": 1 << 60}, made[0].task, made[1], "copy")
    monkeypatch.setenv("NAS_CACHE", str(tmp_path / "cache"))
    with pytest.raises(
        NasError, match=r"^node \S+: .*packs: the pack takes 1152921504.6 GB, and \S+ GB are free; free"
    ):
        delivery.open()
