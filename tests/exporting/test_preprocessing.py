"""What export.json says of preprocessing is enough: a stranger who follows it feeds a network what we feed it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import torch

from nas.data_settings import ClipSettings, DataSettings, PackSettings, ViewSettings
from nas.exporting.preprocessing import preprocessing
from nas.predicting import Predictor
from tests.exporting import stranger
from tests.real_set import film

CLIP = ClipSettings(frames=4, size=20)
CASES = {
    "usual": (PackSettings(every=1, size=24), CLIP, ViewSettings()),
    "every second": (PackSettings(every=2, size=24, frames=6), CLIP, ViewSettings(clips=3)),
    "a rate": (PackSettings(rate=10, size=24), CLIP, ViewSettings(clips=2)),
    "a higher rate": (PackSettings(rate=24, size=24, frames=20), CLIP, ViewSettings(clips=2)),
    "strides": (PackSettings(every=1, size=24), CLIP.model_copy(update={"stride": 3}), ViewSettings(clips=4)),
    "too short": (PackSettings(every=4, size=24), CLIP.model_copy(update={"stride": 3}), ViewSettings(clips=2)),
    "segments": (PackSettings(size=24), CLIP.model_copy(update={"sampling": "segments"}), ViewSettings(clips=2)),
    "uniform": (PackSettings(every=1, size=24), CLIP.model_copy(update={"sampling": "uniform"}), ViewSettings()),
    "a window": (
        PackSettings(every=1, size=24),
        CLIP.model_copy(update={"sampling": "uniform", "window": 9}),
        ViewSettings(clips=3),
    ),
    "three crops": (PackSettings(every=1, size=24), CLIP.model_copy(update={"centre": 0.875}), ViewSettings(crops=3)),
    "as it is": (PackSettings(every=1, size=20), CLIP, ViewSettings(crops=3)),
    "another size": (PackSettings(every=1, size=32), CLIP, ViewSettings(size=28, scale=0.7)),
    "all frames": (PackSettings(every=1, size=24), CLIP, ViewSettings(clips="all", crops=3)),
}  # fmt: skip

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module", params=["wide", "high"])
def video(request, tmp_path_factory):
    """A film of noise, 16 frames a second."""
    path = tmp_path_factory.mktemp("films") / "film.mp4"
    size = {"wide": (32, 48), "high": (48, 34)}[request.param]
    film(path, 3, frames=15, height=size[0], width=size[1], rate=16)
    return path


class Recorder(torch.nn.Module):
    """Keeps the clips that it is shown."""

    def __init__(self):
        super().__init__()
        self.shown = []

    def forward(self, x):
        self.shown.append(x.clone())
        return x.mean((2, 3, 4))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("multilabel", [False, True])
def test_a_stranger_feeds_the_network_what_we_feed_it(video, case, multilabel):
    pack, clip, test = CASES[case]
    data, model = DataSettings(pack=pack), Recorder()
    predictor = Predictor(
        name="", form="run", model=model, labels=tuple("abc"), multilabel=multilabel, data=data, clip=clip, views=test,
        device=torch.device("cpu"),
    )  # fmt: skip
    found = next(predictor.videos([str(video)]))
    told = preprocessing(data, clip, test, multilabel=multilabel)
    x = stranger.views(video, told)
    torch.testing.assert_close(torch.cat(model.shown), x, rtol=0, atol=1e-5)
    scores = stranger.probabilities(x.mean((2, 3, 4)), told)
    torch.testing.assert_close(torch.from_numpy(found.scores), scores, rtol=1e-4, atol=1e-6)


def test_the_stranger_has_nothing_of_this_project():
    tree = ast.parse(Path(stranger.__file__).read_text())
    imported = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    imported += [name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names]
    assert sorted(imported) == ["__future__", "av", "numpy", "torch"]


@pytest.mark.parametrize("case", CASES)
def test_the_sentences_name_the_numbers(case):
    pack, clip, test = CASES[case]
    steps = " ".join(preprocessing(DataSettings(pack=pack), clip, test, multilabel=False)["steps"])
    for number in (pack.size, test.size or clip.size, 0.45, 0.225, pack.rate or pack.every, test.scale or clip.centre):
        assert f"{number:g}" in steps or number == 1
    if test.clips != "all":
        assert str(clip.frames) in steps


def test_frames_kept_as_pictures_are_told():
    told = [preprocessing(DataSettings(pack=PackSettings(jpeg=jpeg)), CLIP, ViewSettings(), multilabel=False)["steps"]
            for jpeg in (0, 90)]  # fmt: skip
    assert len(told[1]) == len(told[0]) + 1 and "JPEG pictures of quality 90" in told[1][-1]
