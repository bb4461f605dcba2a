from collections import Counter

import numpy as np
import pytest

from nas.data import motion_drawing as drawing
from nas.data.motion_drawing import ACTIONS, COLOURS, HUES, JITTER, KINDS
from nas.data_settings import MotionSettings

OPPOSITE = dict(zip(ACTIONS, (b for a in zip(ACTIONS[1::2], ACTIONS[::2], strict=True) for b in a), strict=True))
CALM = MotionSettings(distractor=0, noise=0)


def changed(settings, **update):
    return settings.model_copy(update=update)


@pytest.mark.parametrize("action", ACTIONS)
def test_reversed_an_action_is_its_opposite(action):
    steps = drawing.path(np.random.default_rng(3), action, 16)
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


@pytest.mark.parametrize("colours", ["red-yellow", "blue-white"])
def test_a_coloured_sprite_does_anything_equally_often_and_never_goes(colours):
    rng = np.random.default_rng(0)
    sprites = [drawing.coloured(rng, colours, 16) for _ in range(1000)]
    counts = Counter(_classify(sprite.steps) for sprite in sprites)
    # 100 each are expected, and four standard deviations are 38
    assert set(counts) == set(ACTIONS) and all(62 <= count <= 138 for count in counts.values())
    assert min(sprite.steps[:, 3].min() for sprite in sprites) == pytest.approx(drawing.FAINT)
    middle = np.array([HUES[name] for name in colours.split("-")])
    assert np.abs([sprite.tones - middle for sprite in sprites]).max() <= JITTER


def test_colours_are_told_apart_at_their_farthest_from_the_middle():
    apart = [np.abs(np.subtract(HUES[a], HUES[b])).max() for a, b in (pair.split("-") for pair in COLOURS)]
    assert len(set(COLOURS)) == 10 and min(apart) > 2 * JITTER


@pytest.mark.parametrize("kind", KINDS)
def test_distractors_draw_on_other_clips_as_many_as_asked(kind):
    label = KINDS[kind].labels[0]
    calm = drawing.draw(_rng(), label, CALM, kind=kind)
    busy = [changed(CALM, distractor=1, distractors=count) for count in (1, 3, 8)]
    painted = [(drawing.draw(_rng(), label, one, kind=kind) != calm).any(axis=-1).mean() for one in busy]
    assert 0 < painted[0] < painted[1] < painted[2]


def test_distractors_show_other_labels_of_the_set_and_squares(monkeypatch):
    shown = []
    spy = drawing.Kind(ACTIONS, lambda rng, label, frames: shown.append(label) or drawing.acting(rng, label, frames))
    monkeypatch.setitem(KINDS, "motion", spy)
    for seed in range(40):
        drawing.draw(np.random.default_rng(seed), "up", MotionSettings(classes=4, distractor=1, size=16))
    assert shown[1::2] == 40 * ["up"]
    assert set(shown[::2]) == {"left", "right", "down"}


def test_noise_is_as_strong_as_asked():
    still = drawing.draw(_rng(), "left", CALM)[:, :3, :3]
    assert (still == still[0]).all()
    noisy = drawing.draw(_rng(), "left", changed(CALM, noise=0.1))[:, :6, :6]
    assert 0.08 < noisy.std(axis=0).mean() / 255 < 0.12


def test_a_shaken_camera_moves_smoothly_and_no_further_than_asked():
    settings = changed(CALM, shake=0.1, frames=64)
    tracks = np.array([drawing.camera(np.random.default_rng(seed), settings) for seed in range(200)])
    assert tracks.shape == (200, 64, 2)
    assert 0.08 < np.abs(tracks).max() <= 0.1
    assert np.abs(np.diff(tracks, axis=1)).max() < 0.1 * 2 * np.pi * 2 / 16, "two periods a second at most"


def test_shake_moves_the_same_scene_sprite_and_background_alike():
    settings = changed(CALM, shake=0.1, size=96)
    still, shaken = (
        drawing.draw(_rng(), "red-blue", one, kind="motion-appearance")
        for one in (changed(settings, shake=0), settings)
    )
    moved = _middle(shaken) - _middle(still)
    assert np.abs(moved + 96 * drawing.camera(_rng(), settings)).max() < 1, "pixels"
    assert np.ptp(moved[:, 0]) > 3
    assert np.ptp(shaken[:, :8, :8].astype(int), axis=0).mean() > 5 > np.ptp(still[:, :8, :8], axis=0).max()


def _middle(video):
    """Mean x and y of the strongly coloured pixels of each frame: (t, 2)."""
    strong = np.ptp(video.astype(int), axis=-1) > 130
    return np.array([np.argwhere(frame).mean(axis=0)[::-1] for frame in strong])


def _rng():
    """Of a scene whose coloured sprite does not fade."""
    return np.random.default_rng(1)
