import multiprocessing
import os
import signal
import time

import av
import numpy as np
import pytest

from nas.data import motion
from nas.data.motion import ACTIONS, MotionSettings
from nas.errors import NasError

OPPOSITE = dict(zip(ACTIONS, (b for a in zip(ACTIONS[1::2], ACTIONS[::2], strict=True) for b in a), strict=True))


def files(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_the_same_seed_gives_the_same_files_on_any_number_of_workers(tmp_path):
    settings = MotionSettings(train=12, val=4)
    one = motion.generate(tmp_path / "one", settings, workers=1)
    two = motion.generate(tmp_path / "two", settings, workers=2)
    assert files(one) == files(two)
    assert one.name == two.name != motion.generate(tmp_path, MotionSettings(train=12, val=4, seed=1)).name


def test_the_files_are_h264_in_the_kinetics_layout(motion_folder):
    header, first, *_ = (motion_folder / "val.csv").read_text().splitlines()
    assert header == "label,youtube_id,time_start,time_end,split"
    label, name, start, end, split = first.split(",")
    assert (label, start, end, split) == ("left", "0", "1", "val")
    with av.open(str(motion_folder / "val" / f"{name}_000000_000001.mp4")) as container:
        assert container.streams.video[0].codec.name == "h264"
        frames = [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]
    drawn = motion.draw(np.random.default_rng([0, 1, 0]), "left", MotionSettings())
    assert np.shape(frames) == drawn.shape == (16, 48, 48, 3)
    assert np.abs(np.asarray(frames, int) - drawn).mean() < 8, "what was drawn must survive the encoding"


@pytest.mark.parametrize("action", ACTIONS)
def test_reversed_an_action_is_its_opposite(action):
    steps = motion.path(np.random.default_rng(3), action, 16)
    assert _classify(steps) == action
    assert _classify(steps[::-1]) == OPPOSITE[action]


def _classify(steps):
    """The action that x, y, radius and opacity of a sprite show."""
    (x, y, *_), change = steps.T, steps[-1] - steps[0]
    if change[3]:
        return "appear" if change[3] > 0 else "vanish"
    if abs(change[2]) > 0.01:
        return "approach" if change[2] > 0 else "recede"
    dx, dy = np.diff(x), np.diff(y)
    turn = np.cross(np.c_[dx, dy, 0 * dx][:-1], np.c_[dx, dy, 0 * dx][1:])[:, 2].sum()
    if np.hypot(*change[:2]) < 0.9 * np.hypot(dx, dy).sum():
        return "clockwise" if turn > 0 else "counter-clockwise"
    if abs(change[0]) > abs(change[1]):
        return "right" if change[0] > 0 else "left"
    return "down" if change[1] > 0 else "up"


def test_a_distractor_draws_on_other_clips_only_as_often_as_asked():
    calm, busy = (MotionSettings(distractor=share) for share in (0.0, 1.0))
    pictures = [motion.draw(np.random.default_rng(5), "left", settings) for settings in (calm, busy)]
    assert (pictures[0] != pictures[1]).any()


def _generate_slowly(cache, settings):
    motion.generate(cache, settings, progress=lambda *_: time.sleep(0.2), workers=1)


def test_a_killed_generation_is_not_taken_for_the_set(tmp_path):
    settings = MotionSettings(train=30, val=10)
    child = multiprocessing.get_context("spawn").Process(target=_generate_slowly, args=(tmp_path, settings))
    child.start()
    wanted = time.monotonic() + 20
    while not list(tmp_path.rglob("*.mp4")) and time.monotonic() < wanted:
        time.sleep(0.02)
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    folder = tmp_path / f"motion-{settings.key()}"
    assert list(tmp_path.rglob("*.mp4")) and not folder.exists()
    told = []
    assert motion.generate(tmp_path, settings, progress=lambda *step: told.append(step), workers=1) == folder
    assert told[-1][:2] == (40, 40)
    assert len(list(folder.rglob("*.mp4"))) == 40
    assert [p.name for p in tmp_path.iterdir() if p.is_dir()] == [folder.name]


def test_a_finished_set_is_not_written_again(motion_folder):
    settings = MotionSettings(train=20, val=10)
    motion.generate(motion_folder.parent, settings, progress=lambda *_: pytest.fail("written again"))


def test_a_cache_that_cannot_be_written_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(NasError, match="motion set cannot be written"):
        motion.generate(tmp_path / "file", MotionSettings(train=1, val=1), workers=1)
