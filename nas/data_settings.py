"""Settings of the data: where videos are, what is kept of them, and what a network sees of that.

Each field says its meaning, its unit and its default on the line above it, as in `nas.recipe`, which holds them.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PositiveFloat, PositiveInt, model_validator

from nas.errors import NasError
from nas.genotype import Clip
from nas.schema import Settings

# What the accuracy of a study may be, in words.
METRICS = {"top1": "top-1 accuracy", "mean_class": "mean per-class accuracy", "map": "mean average precision"}
Fraction = Annotated[float, Field(gt=0, le=1)]
Share = Annotated[float, Field(ge=0, lt=1)]


def _up_to_all(value: Any) -> Any:
    """0.7 stands for [0.7, 1.0]."""
    return (value, 1.0) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _word(value: Any) -> Any:
    """true stands for always, false for never."""
    return {True: "always", False: "never"}[value] if isinstance(value, bool) else value


class PackSettings(Settings):
    """Which frames of each video are decoded and kept, once, for all trials of all studies."""

    # keep one frame of every so many (2 keeps 15 of 30 per second)
    every: PositiveInt = 2
    # keep so many frames a second, chosen by time stamps, whatever the rate of each video; 0 counts by `every` instead
    rate: Annotated[float, Field(ge=0)] = 0.0
    # keep at most so many frames a video, from its middle; 0 keeps all
    frames: Annotated[int, Field(ge=0)] = 64
    # short side of the kept frames, in pixels
    size: PositiveInt = 128
    # quality of the JPEG pictures that are kept, 1 to 100: a tenth of the disk, slower to read; 0 keeps raw pixels
    jpeg: Annotated[int, Field(ge=0, le=100)] = 0


class ColourSettings(Settings):
    """Colour jitter in training, the same for all frames of a clip; each in shares, 0.4 draws factors of 0.6 to 1.4."""

    brightness: Share = 0.0
    contrast: Share = 0.0
    saturation: Share = 0.0


class ClipSettings(Settings):
    """What a network sees of a packed video."""

    # frames of a clip
    frames: PositiveInt = 8
    # side of the square crop, in pixels
    size: PositiveInt = 112
    # dense: frames `stride` apart; segments: one frame of each of `frames` equal parts of the video (a random one in
    # training, the middle one in tests); uniform: frames spread over a `window`
    sampling: Literal["dense", "segments", "uniform"] = "dense"
    # dense: distance between two frames of a clip, counted in packed frames
    stride: PositiveInt = 1
    # uniform: packed frames over which a clip is spread; 0: the whole video
    window: Annotated[int, Field(ge=0)] = 0
    # random: a square anywhere; multiscale: each side 1, 0.875, 0.75 or 0.66 of the short side, at one of 13 places
    crop: Literal["random", "multiscale"] = "random"
    # random: the side of training crops, from and to, in shares of the short side; 224 of 256 to 320 is [0.7, 0.875],
    # one number goes up to all
    scale: Annotated[tuple[Fraction, Fraction], BeforeValidator(_up_to_all)] = (0.875, 1.0)
    # the side of the centre crop that validates, in shares of the short side; 224 of 256 is 0.875
    centre: Fraction = 1.0
    # mirror half of the training clips; auto: unless class names tell left from right; swap: with the label of the
    # mirrored action
    flip: Annotated[Literal["auto", "always", "never", "swap"], BeforeValidator(_word)] = "auto"
    colour: ColourSettings = ColourSettings()

    @model_validator(mode="after")
    def _rising(self) -> ClipSettings:
        low, high = self.scale
        if low > high:
            raise NasError(f"scale = [{low:g}, {high:g}] falls", fix="write the smaller share first")
        return self

    @property
    def clip(self) -> Clip:
        """Its frames and size as a network's input."""
        return Clip(frames=self.frames, size=self.size)


class ViewSettings(Settings):
    """How a trained network is tested: the mean of its scores over clips x crops of each video."""

    # clips spread evenly over the video; all: one clip of all packed frames
    clips: PositiveInt | Literal["all"] = 1
    # crops of each clip: 1 in the middle, 3 along the longer side
    crops: Literal[1, 3] = 1
    # side of the crops, in pixels; 0: as in training
    size: Annotated[int, Field(ge=0)] = 0
    # the part of the short side that a crop covers; 0: `centre` of the clip
    scale: Annotated[float, Field(ge=0, le=1)] = 0.0
    # test with the frames in reversed order too: what that changes is what a network knows of the arrow of time
    reverse: bool = True

    @property
    def each(self) -> int:
        """Views of a video: clips x crops."""
        return (1 if self.clips == "all" else self.clips) * self.crops

    def of(self, videos: int) -> int:
        """Views of so many videos in a whole test, twice as many where reversed order is tested too."""
        return videos * self.each * (2 if self.reverse else 1)


class MotionSettings(Settings):
    """The embedded sets `motion` and `motion-appearance`: how many videos, and how hard they are."""

    # videos to train on and to validate with; each class gets equally many
    train: PositiveInt = 1500
    val: PositiveInt = 2000
    # whatever is random in the videos follows from it
    seed: Annotated[int, Field(ge=0)] = 0
    # classes, the first so many; motion, whose actions come in pairs of opposites, takes even numbers
    classes: Annotated[int, Field(ge=2, le=10)] = 10
    # share of the clips in which squares act too: the first knob of difficulty
    distractor: Annotated[float, Field(ge=0, le=1)] = 0.3
    # squares in each of these clips
    distractors: Annotated[int, Field(ge=1, le=8)] = 1
    # how far a shaking camera points off the middle at most, in shares of the side; 0 stands still
    shake: Annotated[float, Field(ge=0, le=0.2)] = 0.0
    # standard deviation of each frame's own noise, in shares of the range from black to white
    noise: Annotated[float, Field(ge=0, le=0.5)] = 0.02
    # frames of a video, at 16 per second
    frames: Annotated[int, Field(ge=2)] = 16
    # side of the square frames, in pixels, even
    size: Annotated[int, Field(ge=16, multiple_of=2)] = 48


class DataSettings(Settings):
    """Where the videos are, how they are listed, and what is kept of them."""

    # motion or motion-appearance (the embedded sets), a folder, a list; empty: --data or NAS_DATA say it
    path: str = "motion"
    # how they are listed, a name that `nas data check` prints; auto: recognised
    format: str = "auto"
    # the folder below which the listed videos lie; empty: that of the list
    videos: str = ""
    # folders of frames: how their files are called, such as img_{:05d}.jpg or flow_x_*.jpg; empty: every picture
    frames: str = ""
    # folders of frames: frames per second
    frame_rate: PositiveFloat = 25.0
    # the largest share of listed videos that may be missing, and of those there that may be unreadable
    missing: Annotated[float, Field(ge=0, le=1)] = 0.5
    unreadable: Annotated[float, Field(ge=0, le=1)] = 0.5
    # seconds after which a file that does not end decoding is given up
    timeout: PositiveFloat = 60.0
    # pyav, or torchcodec where that is installed
    decoder: Literal["pyav", "torchcodec"] = "pyav"
    # pairs of classes that a mirror exchanges, besides those whose names differ by left and right
    mirrored: tuple[tuple[str, str], ...] = ()
    # what `accuracy` is: top1, mean_class (mean accuracy of the classes) or map (mean average precision, for several
    # labels a video); auto: map where videos have several labels, else top1
    metric: Literal["auto", "top1", "mean_class", "map"] = "auto"
    motion: MotionSettings = MotionSettings()
    pack: PackSettings = PackSettings()
