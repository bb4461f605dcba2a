"""What `nas retrain` says where videos are fewer or shorter than asked for, and of which videos the proxy knew."""

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest

from nas.data_settings import ClipSettings
from nas.recipe import RetrainSettings, TrainSettings
from nas.retraining_card import ended, short


@dataclass
class Split:
    """Videos of some lengths."""

    lengths: tuple[int, ...]

    @property
    def shapes(self):
        return np.array([(frames, 24, 24) for frames in self.lengths])

    def __len__(self):
        return len(self.lengths)


PACK = SimpleNamespace(train=Split((8, 12, 16)), val=Split((4,)))


@pytest.mark.parametrize(
    ("batch", "frames", "told"),
    [
        (3, 16, []),
        (4, 16, ["batches of 3, all clips that there are, in place of 4"]),
        (2, 17, ["clips of 17 frames repeat the last one: the packed videos have 16 frames at most"]),
    ],
)
def test_too_few_or_too_short_videos_are_told(batch, frames, told):
    settings = RetrainSettings(train=TrainSettings(batch=batch), clip=ClipSettings(frames=frames))
    assert list(short(settings, PACK)) == told


def test_the_proxy_stands_beside_what_came_out_with_its_videos_where_they_were_others():
    result = SimpleNamespace(accuracy=0.25, precise={}, curve=[])
    facts = {"proxy": "4 epochs", "proxy_accuracy": 0.5, "proxy_data": "motion"}
    same, other, none = (
        ended(facts, result, "top-1", "motion"),
        ended(facts, result, "top-1", "ucf101"),
        ended({"network": "ir-csn-50"}, result, "top-1", "ucf101"),
    )
    assert same == "top-1 0.250 after full training (one view, as validated), 0.500 by the proxy"
    assert other == f"{same} on motion" and none == same.partition(", 0.500")[0]
    assert "none by the proxy" in ended(facts | {"proxy_accuracy": None}, result, "top-1", "motion")
