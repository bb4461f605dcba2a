import numpy as np
import pytest
import torch
from torch.nn import functional

from nas.data import augment
from nas.data.augment import MEAN, STD, Crops
from nas.data_settings import ClipSettings, ColourSettings, ViewSettings

SQUARE = np.array([[16, 16]])
COLOURS = ClipSettings(colour=ColourSettings(brightness=0.4, contrast=0.4, saturation=0.4))


def noise(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8))


def kept(count=1, mirror=False, colour=(1.0, 1.0, 1.0)):
    """Whole boxes, mirrored or coloured."""
    ones = np.ones((count, 2))
    return Crops(ones, ones / 2, np.full(count, mirror), np.tile(np.array(colour), (count, 1)))


def pixels(batch):
    """A batch as it was before it was normalised, (b, t, h, w, 3) from 0 to 255."""
    return batch.mul(STD).add(MEAN).mul(255).permute(0, 2, 3, 4, 1)


def drawn(count=1000, *, flip=True, seed=0, **settings):
    return augment.draw(np.random.default_rng(seed), count, ClipSettings(**settings), flip=flip)


def test_the_whole_frame_at_its_own_size_is_normalised_to_the_bit():
    frames = noise(2, 3, 16, 16, 3)
    batch = augment.apply(frames, SQUARE.repeat(2, axis=0), kept(2), 16)
    assert batch.shape == (2, 3, 3, 16, 16) and batch.is_contiguous(memory_format=torch.channels_last_3d)
    wanted = frames.mul(1 / (255 * STD)).sub_(MEAN / STD).permute(0, 4, 1, 2, 3)
    assert batch.dtype == torch.float32 and torch.equal(batch, wanted)


def test_boxes_are_cut_at_their_own_sizes_and_nothing_beyond_is_seen():
    frames, sizes = noise(3, 2, 20, 24, 3), np.array([[20, 24], [9, 13], [16, 16]])
    batch = augment.apply(frames, sizes, kept(3), 16)
    for i, (height, width) in enumerate(sizes):
        frames[i, :, height:] = frames[i, :, :, width:] = 77
    assert torch.equal(augment.apply(frames, sizes, kept(3), 16), batch)
    assert torch.allclose(pixels(batch)[2], frames[2, :, :16, :16].float(), atol=1e-4), "no resize is a slice"


@pytest.mark.parametrize("resize", ["cpu", "other devices"])
def test_resizing_is_that_of_torch_in_floats(resize):
    rng = np.random.default_rng(0)
    for _ in range(40):
        (h, w), size = rng.integers(4, 60, 2), int(rng.integers(4, 60))
        sizes, mirror = np.column_stack([rng.integers(2, h + 1, 2), rng.integers(2, w + 1, 2)]), rng.random(2) < 0.5
        frames, seen = noise(2, 2, h, w, 3, seed=size), torch.empty(2, 2, size, size, 3)
        if resize == "cpu":
            seen[:] = pixels(augment.apply(frames, sizes, Crops(sizes, sizes, mirror, np.ones((2, 3))), size))
        else:
            augment._resample(frames, sizes, mirror, out=seen)
        for i in range(2):
            box = frames[i, :, : sizes[i, 0], : sizes[i, 1]].permute(0, 3, 1, 2).float()
            wanted = functional.interpolate(box, (size, size), mode="bilinear", antialias=True)
            off = seen[i].permute(0, 3, 1, 2) - (wanted.flip(-1) if mirror[i] else wanted)
            assert off.abs().max() < (1.01 if resize == "cpu" else 1e-3)


def test_constant_frames_stay_constant():
    for value in (0, 1, 100, 255):
        frames = torch.full((1, 2, 23, 31, 3), value, dtype=torch.uint8)
        assert (pixels(augment.apply(frames, np.array([[23, 31]]), kept(), 16)) - value).abs().max() < 1e-4


def test_shrinking_averages_instead_of_picking():
    stripes = torch.zeros(1, 1, 32, 32, 3, dtype=torch.uint8)
    stripes[..., ::2, :] = 200
    batch = augment.apply(stripes, np.array([[32, 32]]), kept(), 8)
    assert pixels(batch)[..., 1:-1, :].sub(100).abs().max() < 1.01, "the outermost pixels have a neighbour less"


def test_mirroring_twice_is_nothing_and_once_turns_left_and_right_alone():
    frames = noise(1, 2, 16, 16, 3)
    plain, mirrored = (augment.apply(frames, SQUARE, kept(mirror=mirror), 16) for mirror in (False, True))
    assert torch.equal(mirrored, plain.flip(-1)) and not torch.equal(mirrored, plain)
    again = pixels(mirrored).round().to(torch.uint8)
    assert torch.equal(augment.apply(again, SQUARE, kept(mirror=True), 16), plain)


def test_all_frames_of_a_clip_get_the_same_treatment():
    frames, shapes = noise(4, 1, 20, 26, 3).repeat(1, 5, 1, 1, 1), np.array([[20, 26]] * 4)
    crops = augment.draw(np.random.default_rng(1), 4, COLOURS, flip=True)
    batch = augment.apply(frames, crops.boxes(shapes)[:, 2:], crops, 12)
    assert (batch == batch[:, :, :1]).all()
    assert len({float(clip.mean()) for clip in batch}) == 4


def stepwise(clip, brightness, contrast, saturation):
    """One after the other, as is written: (t, h, w, 3)."""
    grey = torch.tensor(augment.GREY)
    clip = clip * brightness
    clip = contrast * clip + (1 - contrast) * (clip @ grey).mean()
    return (saturation * clip + (1 - saturation) * (clip @ grey)[..., None]).clamp(0, 255)


@pytest.mark.parametrize("factors", [(1.4, 1, 1), (1, 0.6, 1), (1, 1, 0), (0.7, 1.3, 0.8), (1.4, 1.4, 1.4), (1, 0, 1)])
def test_colours_are_jittered_in_turn(factors):
    frames = noise(1, 3, 16, 16, 3)
    seen = pixels(augment.apply(frames, SQUARE, kept(colour=factors), 16))[0]
    torch.testing.assert_close(seen, stepwise(frames[0].float(), *factors), atol=1e-3, rtol=0)


def test_clips_are_coloured_each_by_itself():
    frames, crops = noise(4, 2, 16, 16, 3), augment.draw(np.random.default_rng(2), 4, COLOURS, flip=False)
    sizes = SQUARE.repeat(4, axis=0)
    together = augment.apply(frames, sizes, crops, 16)
    for i in range(4):
        part = slice(i, i + 1)
        assert torch.equal(augment.apply(frames[part], sizes[part], crops[part], 16), together[part])
    at_once = frames.float()
    augment._colour(at_once, crops.colour)  # as other devices do it
    torch.testing.assert_close(at_once, pixels(together), atol=1e-3, rtol=0)


def test_boxes_lie_inside_frames_of_any_shape_and_reach_every_place():
    for crop in ("random", "multiscale"):
        crops = drawn(crop=crop, scale=(0.5, 1.0))
        shapes = np.random.default_rng(3).integers(6, 20, (1000, 2))
        top, left, height, width = crops.boxes(shapes).T
        assert min(top.min(), left.min()) >= 0 and min(height.min(), width.min()) >= 1
        assert (top + height <= shapes[:, 0]).all() and (left + width <= shapes[:, 1]).all()
        assert (np.maximum(height, width) <= shapes.min(axis=1)).all()
    places = drawn(5000, scale=(0.5, 0.5)).boxes(np.array([[12, 10]] * 5000))[:, :2]
    assert np.unique(places, axis=0).tolist() == [[top, left] for top in range(8) for left in range(6)]
    assert np.unique(places, axis=0, return_counts=True)[1].min() > 60


def test_random_sides_are_those_of_frames_resized_to_any_short_side():
    sides = drawn(20_000, scale=(0.7, 0.875)).sides
    assert (sides[:, 0] == sides[:, 1]).all()
    shorts = 224 / sides[:, 0]
    assert np.histogram(shorts, bins=8, range=(256, 320))[0].min() > 2300


def test_multiscale_crops_are_those_of_temporal_segment_networks():
    crops = drawn(5000, crop="multiscale")
    at = {1.0: 0, 0.875: 1, 0.75: 2, 0.66: 3}
    steps = {tuple(at[side] for side in sides) for sides in crops.sides.tolist()}
    assert steps == {(i, j) for i in range(4) for j in range(4) if abs(i - j) <= 1}
    assert len({tuple(place) for place in crops.places.tolist()}) == 13
    boxes = crops.boxes(np.array([[100, 140]] * 5000))
    assert set(boxes[:, 2].tolist()) == set(boxes[:, 3].tolist()) == {100, 88, 75, 66}


def test_half_of_the_clips_are_mirrored_when_asked_and_nothing_else_changes():
    on, off = drawn(flip=True), drawn(flip=False)
    assert 400 < on.mirror.sum() < 600 and not off.mirror.any()
    assert (on.sides == off.sides).all() and (on.places == off.places).all()


def test_colour_factors_keep_to_their_shares():
    colour = augment.draw(np.random.default_rng(0), 1000, COLOURS, flip=False).colour
    assert 0.6 <= colour.min() < 0.62 and 1.38 < colour.max() <= 1.4
    assert (drawn().colour == 1).all()


def test_seeds_repeat_and_differ():
    one, two, three = (augment.draw(np.random.default_rng(seed), 50, COLOURS, flip=True) for seed in (0, 0, 1))
    for name in ("sides", "places", "mirror", "colour"):
        assert (getattr(one, name) == getattr(two, name)).all()
        assert (getattr(one, name) != getattr(three, name)).any()


def test_a_part_of_the_crops_is_theirs():
    crops = drawn(10)
    assert len(crops[2:5]) == 3 and (crops[2:5].sides == crops.sides[2:5]).all()
    assert (crops[np.array([7, 1])].mirror == crops.mirror[[7, 1]]).all()


def test_tests_see_the_centre_or_three_crops_along_the_longer_side():
    clip, shapes = ClipSettings(centre=0.5), np.array([[20, 40], [40, 20]])
    assert augment.views(2, clip).boxes(shapes).tolist() == [[5, 15, 10, 10], [15, 5, 10, 10]]
    three = augment.views(2, clip, ViewSettings(crops=3, scale=1.0))
    assert three.boxes(shapes.repeat(3, axis=0)).tolist() == [
        *([0, left, 20, 20] for left in (0, 10, 20)),
        *([top, 0, 20, 20] for top in (0, 10, 20)),
    ]
    assert not three.mirror.any() and (three.colour == 1).all()
