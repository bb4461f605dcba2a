import numpy as np
import torch

from nas.data import augment
from nas.data.augment import MEAN, STD, Crops


def ramp(size=16, frames=2):
    """Red grows to the right, green downwards, blue with time: uint8 (1, t, h, w, 3)."""
    t, y, x = np.meshgrid(np.arange(frames), np.arange(size), np.arange(size), indexing="ij")
    return torch.from_numpy(np.stack([x, y, t], axis=-1).astype(np.uint8)[None] * 8)


def crop(side=1.0, top=0.0, left=0.0, mirror=False):
    return Crops(*(np.array([value]) for value in (side, top, left, mirror)))


def pixels(batch):
    return batch.mul(STD).add(MEAN).mul(255)


def test_the_whole_frame_at_its_own_size_is_only_normalised():
    batch = augment.apply(ramp(), augment.whole(1), 16)
    assert batch.shape == (1, 3, 2, 16, 16) and batch.is_contiguous(memory_format=torch.channels_last_3d)
    torch.testing.assert_close(pixels(batch), ramp().permute(0, 4, 1, 2, 3).float(), atol=1e-3, rtol=0)


def test_a_crop_without_resizing_is_a_slice():
    batch = augment.apply(ramp(), crop(side=0.5, top=0.25, left=0.125), 8)
    assert batch.is_contiguous(memory_format=torch.channels_last_3d)
    wanted = ramp()[:, :, 4:12, 2:10].permute(0, 4, 1, 2, 3).float()
    torch.testing.assert_close(pixels(batch), wanted, atol=1e-2, rtol=0)


def test_mirroring_turns_left_and_right_alone():
    plain, mirrored = (augment.apply(ramp(), crop(mirror=mirror), 16) for mirror in (False, True))
    torch.testing.assert_close(mirrored, plain.flip(-1), atol=1e-4, rtol=0)


def test_shrinking_averages_instead_of_picking():
    stripes = torch.zeros(1, 1, 32, 32, 3, dtype=torch.uint8)
    stripes[..., ::2, :] = 200
    assert pixels(augment.apply(stripes, augment.whole(1), 8)).sub(100).abs().max() < 1e-2


def test_jittered_crops_stay_inside_and_mirror_only_when_asked():
    crops = augment.jittered(np.random.default_rng(0), 1000, 0.8, flip=False)
    assert crops.side.min() >= 0.8 and crops.side.std() > 0.04 and not crops.mirror.any()
    assert min(crops.top.min(), crops.left.min()) >= 0 and (crops.top + crops.side).max() <= 1
    assert 400 < augment.jittered(np.random.default_rng(0), 1000, 0.8, flip=True).mirror.sum() < 600
