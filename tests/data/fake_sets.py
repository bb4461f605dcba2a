"""Tiny fakes of the papers' data sets: their folders and lists as published, with real videos of a moving block.

`write("ucf101", folder)` gives what --data would name. A class is a colour and a direction of the block; the sets have
2 to 4 classes with a few videos each, of which some that are listed are missing where that is normal.
"""

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np

from nas.data import motion

# frames of a video, frames a second, and the side of a frame in pixels
FRAMES, RATE, SIZE = 16, 8, 48
TRAIN, VAL = 4, 2
COLOURS = np.array([[220, 40, 40], [40, 200, 40], [50, 80, 220], [210, 200, 40]], dtype=np.uint8)

WRITERS: dict[str, Callable[[Path], Path]] = {}


def write(name: str, folder: Path) -> Path:
    """The fake of the set `name`, written into `folder`, which need not be there; what --data would name."""
    folder.mkdir(parents=True, exist_ok=True)
    return WRITERS[name](folder)


def fake(name: str):
    def add(writer):
        WRITERS[name] = writer
        return writer

    return add


# ---- videos


def film(kind: int, seed: int, frames: int = FRAMES) -> np.ndarray:
    """A block of the class's colour on noise, moving in the class's direction: uint8 (t, h, w, 3)."""
    rng = np.random.default_rng([kind, seed])
    video = rng.integers(90, 130, (frames, SIZE, SIZE, 3), dtype=np.uint8)
    side, (x, y) = SIZE // 4, rng.integers(0, SIZE, 2)
    for number, picture in enumerate(video):
        step = number * SIZE // FRAMES * (1 if kind % 2 else -1)
        rows = (y + (step if kind > 1 else 0) + np.arange(side)) % SIZE
        columns = (x + (0 if kind > 1 else step) + np.arange(side)) % SIZE
        picture[np.ix_(rows, columns)] = COLOURS[kind % len(COLOURS)]
    return video


def video(path: Path, kind: int, seed: int, frames: int = FRAMES) -> None:
    """Such a film as a file, encoded as its ending asks for."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pictures = film(kind, seed, frames)
    if path.suffix == ".mp4":
        motion.encode(str(path), pictures, rate=RATE)
    else:
        encode(path, pictures, *{".avi": ("avi", "mpeg4"), ".webm": ("webm", "libvpx")}[path.suffix])


def encode(path: Path, pictures: np.ndarray, container: str, codec: str) -> None:
    """Frames as a file of another kind than MP4."""
    import av

    with av.open(str(path), "w", format=container) as file:
        stream = file.add_stream(codec, rate=RATE)
        stream.height, stream.width, stream.pix_fmt = *pictures.shape[1:3], "yuv420p"
        for picture in pictures:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        file.mux(stream.encode())


def stills(folder: Path, kind: int, seed: int, pattern: str = "{:05d}.jpg") -> None:
    """Such a film as a folder of JPEG files, numbered from 1."""
    import av

    folder.mkdir(parents=True, exist_ok=True)
    for number, picture in enumerate(film(kind, seed), 1):
        codec = av.CodecContext.create("mjpeg", "w")
        codec.height, codec.width, codec.pix_fmt, codec.time_base = SIZE, SIZE, "yuvj420p", Fraction(1, 25)
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuvj420p")
        (folder / pattern.format(number)).write_bytes(b"".join(map(bytes, [*codec.encode(frame), *codec.encode()])))


def clips(classes: int):
    """Split, class and number of each clip; no two have the same number."""
    number = 0
    for split, count in (("train", TRAIN), ("val", VAL)):
        for index in range(count * classes):
            yield split, index % classes, number
            number += 1


def text(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


# ---- sets


def kinetics_csv(folder: Path, names: list[str]) -> None:
    """Lists with the official columns; files cut to ten seconds and whole ones; a video in each split is missing."""
    lines = {split: ["label,youtube_id,time_start,time_end,split"] for split in ("train", "val")}
    for split, kind, number in clips(len(names)):
        video_id, start = f"id-_{number:07d}", number % 3
        lines[split].append(f'"{names[kind]}",{video_id},{start},{start + 2},{split}')
        if number % 3:
            video(folder / split / f"{video_id}_{start:06d}_{start + 2:06d}.mp4", kind, number)
        else:
            video(folder / split / f"{video_id}.mp4", kind, number, frames=3 * RATE)
    for split, some in lines.items():
        some.append(f'"{names[0]}",gone{split},1,11,{split}')
        text(folder / f"{split}.csv", some)


@fake("kinetics")
def kinetics(folder: Path) -> Path:
    kinetics_csv(folder, ["abseiling", "air drumming", "answering questions"])
    return folder


@fake("mini-k200")
def mini_k200(folder: Path) -> Path:
    """The layout of Kinetics and the names of 200 classes, of which three have videos."""
    names = ["abseiling", "air drumming", "zumba"]
    kinetics_csv(folder, names)
    text(folder / "classes.txt", [*names[:2], *(f"class {number}" for number in range(197)), names[2]])
    return folder


@fake("ssv1")
def ssv1(folder: Path) -> Path:
    labels = ["Holding something", "Moving something down", "Moving something up", "Turning something upside down"]
    lines: dict[str, list[str]] = {"train": [], "val": []}
    for split, kind, number in clips(len(labels)):
        lines[split].append(f"{number + 1};{labels[kind]}")
        stills(folder / "20bn-something-something-v1" / str(number + 1), kind, number)
    text(folder / "something-something-v1-train.csv", lines["train"])
    text(folder / "something-something-v1-validation.csv", lines["val"])
    text(folder / "something-something-v1-test.csv", ["1000", "1001"])
    text(folder / "something-something-v1-labels.csv", labels)
    return folder


@fake("ssv2")
def ssv2(folder: Path) -> Path:
    templates = ["Holding [something] next to [something]", "Moving [something] down", "Moving [something] up"]
    lists: dict[str, list[dict]] = {"train": [], "val": []}
    for split, kind, number in clips(len(templates)):
        label = templates[kind].replace("[something]", "a cup").lower()
        clip = {"id": str(number + 1), "label": label, "template": templates[kind], "placeholders": ["a cup"]}
        lists[split].append(clip)
        video(folder / "20bn-something-something-v2" / f"{number + 1}.webm", kind, number)
    names = [template.replace("[", "").replace("]", "") for template in templates]
    labels = {name: str(number) for number, name in enumerate(names)}
    files = {"train": lists["train"], "validation": lists["val"], "test": [{"id": "1000"}], "labels": labels}
    for name, content in files.items():
        text(folder / "labels" / f"{name}.json", [json.dumps(content)])
    return folder


@fake("ucf101")
def ucf101(folder: Path) -> Path:
    names, lists = ["ApplyEyeMakeup", "Archery", "YoYo"], folder / "ucfTrainTestlist"
    files: dict[str, list[str]] = {"train": [], "val": []}
    for split, kind, number in clips(len(names)):
        file = f"{names[kind]}/v_{names[kind]}_g{number:02d}_c01.avi"
        files[split].append(f"{file} {kind + 1}" if split == "train" else file)
        video(folder / "UCF-101" / file, kind, number)
    for number in ("01", "02"):
        text(lists / f"trainlist{number}.txt", files["train"] if number == "01" else files["train"][len(names) :])
        text(lists / f"testlist{number}.txt", files["val"])
    text(lists / "classInd.txt", [f"{number} {name}" for number, name in enumerate(names, 1)])
    return folder


@fake("hmdb51")
def hmdb51(folder: Path) -> Path:
    names = ["brush_hair", "cartwheel", "wave"]
    lines: dict[str, list[str]] = {name: [] for name in names}
    for split, kind, number in clips(len(names)):
        file = f"Video #{number} (best)_{names[kind]}_u_nm_np1_ba_goo_0.avi"
        lines[names[kind]].append(f"{file} {1 if split == 'train' else 2} ")
        video(folder / "hmdb51_org" / names[kind] / file, kind, number)
    for name, some in lines.items():
        unused = f"unused_{name}_u_nm_np1_ba_goo_1.avi 0 "
        for split in (1, 2, 3):
            text(folder / "testTrainMulti_7030_splits" / f"{name}_test_split{split}.txt", [*some, unused])
    return folder


def gym_lists(folder: Path, name: str, cut: bool) -> None:
    """Videos of two events with elements of one second each: whole, with their times in JSON, or `cut` to elements."""
    names = ["(VT) round-off, flic-flac", "(FX) switch leap", "(BB) wolf jump"]
    times: dict[str, dict] = {}
    lines: dict[str, list[str]] = {"train": [], "val": []}
    for split, kind, number in clips(len(names)):
        video_id, event, start = f"{split}_-{number // 6:05d}", f"E_{number // 3 % 2 * 4:06d}", number % 3
        event = f"{event}_{number // 3 % 2 * 4 + 4:06d}"
        begin = number // 3 % 2 * 4 + 0.25
        known = times.setdefault(video_id, {}).setdefault(
            event, {"event": 1, "timestamps": [[begin, begin + 3.75]], "segments": {}}
        )
        element, end = f"A_{start:04d}_{start + 1:04d}", start + 1.0
        stamps = [[start, start + 0.5], [start + 0.5, end]] if kind == 0 else [[start, end]]
        known["segments"][element] = {"stages": len(stamps), "timestamps": stamps}
        lines[split].append(f"{video_id}_{event}_{element} {kind}")
        if cut:
            video(folder / "subactions" / f"{video_id}_{event}_{element}.mp4", kind, number, frames=RATE)
    for number, video_id in enumerate([] if cut else times):
        video(folder / "videos" / f"{video_id}.mp4", number % 3, number, frames=9 * RATE)
    text(folder / "annotations" / "finegym_annotation_info_v1.1.json", [json.dumps(times)])
    text(folder / "annotations" / f"{name}_train_element_v1.1.txt", lines["train"])
    text(folder / "annotations" / f"{name}_val_element.txt", lines["val"])
    text(
        folder / "annotations" / f"{name}_categories.txt",
        [f"Clabel: {kind:3d}; set: {kind + 1:2d}; Glabel: {kind:3d}; {told}" for kind, told in enumerate(names)],
    )


@fake("gym99")
def gym99(folder: Path) -> Path:
    gym_lists(folder, "gym99", cut=False)
    return folder


@fake("gym288")
def gym288(folder: Path) -> Path:
    gym_lists(folder, "gym288", cut=True)
    return folder


@fake("mmit")
def mmit(folder: Path) -> Path:
    names = ["crafting", "pulling", "stirring", "tying"]
    lines: dict[str, list[str]] = {"train": [], "val": []}
    for split, kind, number in clips(len(names)):
        file = f"{number % 2}-{number}/flickr-{number}.mp4"
        kinds = sorted({kind, number % len(names), (kind + number // 4) % len(names)})
        lines[split].append(",".join([file, *map(str, kinds)]))
        video(folder / "videos" / file, kind, number)
    text(folder / "annotations" / "trainingSet.csv", lines["train"])
    text(folder / "annotations" / "validationSet.csv", lines["val"])
    text(folder / "annotations" / "moments_categories.txt", [f"{name},{number}" for number, name in enumerate(names)])
    return folder


@fake("sports1m")
def sports1m(folder: Path) -> Path:
    names = ["road bicycle racing", "track cycling", "bossaball"]
    lines: dict[str, list[str]] = {"train": [], "val": []}
    for split, kind, number in clips(len(names)):
        video_id = f"v-_{number:08d}"
        kinds = f"{kind},{(kind + 1) % len(names)}" if number % 4 == 0 else f"{kind}"
        lines[split].append(f"https://www.youtube.com/watch?v={video_id} {kinds}")
        video(folder / "videos" / f"{video_id}.mp4", kind, number)
    text(folder / "train_partition.txt", [*lines["train"], "https://www.youtube.com/watch?v=gone1234567 0"])
    text(folder / "test_partition.txt", lines["val"])
    text(folder / "labels.txt", names)
    return folder
