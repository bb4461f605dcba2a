"""What a trained network sees of a video file: the clip in the middle, as in validation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nas.errors import NasError
from nas.trained import Trained

if TYPE_CHECKING:
    import torch


def seen(run: Trained, path: str) -> torch.Tensor:
    """The clip of the video file (or folder of pictures) `path`, normalised, float32 (1, 3, t, h, w).

    Decoded, kept, cut and resized as the run's own videos were: validation sees the same. NasError where it cannot be
    decoded.
    """
    import torch

    from nas.data import augment, sampling

    frames = _kept(run, path)
    which = np.arange(len(frames))[sampling.moments(len(frames), run.clip, 0.5)]
    crops = augment.views(1, run.clip)
    top, left, height, width = crops.boxes(np.array([frames.shape[1:3]]))[0]
    cut = np.ascontiguousarray(frames[which, top : top + height, left : left + width])
    return augment.apply(torch.from_numpy(cut)[None], np.array([[height, width]]), crops, run.clip.size)


def pictures(clip: torch.Tensor) -> np.ndarray:
    """The frames of a clip (1, 3, t, h, w) as pictures, uint8 (t, h, w, 3)."""
    from nas.data.augment import MEAN, STD

    levels = clip[0].permute(1, 2, 3, 0).mul(255 * STD).add(255 * MEAN)
    return levels.round().clamp(0, 255).byte().numpy()


def _kept(run: Trained, path: str) -> np.ndarray:
    """The frames of a video that a pack of the run's data would hold, uint8 (t, h, w, 3)."""
    from nas.data import shards
    from nas.data.decoding import decode

    frames = decode.attempt(run.data, path, None, None)
    if isinstance(frames, str):
        raise NasError(
            f"cannot be read as a video: {frames}", where=path, fix="name a video file, or a folder of pictures"
        )
    if run.data.pack.jpeg:
        import simplejpeg

        kept = shards.pictures(np.ascontiguousarray(frames), run.data.pack.jpeg)
        return np.stack([simplejpeg.decode_jpeg(picture) for picture in kept])
    return frames
