"""What `nas data check` prints and its page: everything is told, in lines that fit, and names are text alone."""

import io
import re
from html import escape
from html.parser import HTMLParser

import numpy as np
import pytest
from rich.cells import cell_len
from rich.console import Console

from nas import data_card, data_page
from nas.data.samples import Sample, samples
from nas.data_settings import DataSettings
from tests import real_set
from tests.data.test_findings import made_up

EVIL = "</style><script>alert(1)</script><img src=x onerror=alert(2)>\"'{{ 7 * 7 }}"


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return real_set.read(tmp_path_factory.mktemp("a set with späces"))


@pytest.fixture(scope="module")
def shown(found):
    return samples(found, DataSettings(), progress=lambda *_: None, workers=2)


def printed(found, width=80, terminal=True):
    console = Console(file=io.StringIO(), width=width, force_terminal=terminal, color_system=None)
    data_card.show(found, console)
    return console.file.getvalue()


def told(found):
    return {name: " | ".join(lines) for name, lines in data_card.facts(found)}


def test_everything_is_told(found):
    facts = told(found)
    assert "looked into all 13 files" in printed(found)
    assert facts["classes"].startswith("3 | train: 3 to 4 videos each, median 3; the fewest: ")
    assert "val: 1 video each" in facts["classes"]
    assert facts["missing"] == "2 of 15 listed videos (13.3%), such as val/gone.mp4"
    assert facts["unreadable"].startswith("4 of 13 videos (30.8%) | more than training allows: data.unreadable is 0.2")
    assert "such as train/empty.mp4" in facts["unreadable"]
    assert facts["duplicates"] == (
        "2 videos with the content of another (1 group), such as val/a copy.mp4, the same as train/plain/a.mp4 | "
        "1 validation video with the content of one to train on (1 group) | "
        "1 video with another label than the first of the same content"
    )
    assert facts["durations"] == "0.94 s to 1.00 s, median 1.00 s, nine of ten 0.96 s to 1.00 s | 9 s in all"
    assert facts["sizes"].startswith("48x32 (7), ") and facts["sizes"].endswith(
        "2 upright (higher than wide), 1 turned by a flag in the file"
    )
    assert facts["rates"] == "16 (8), 32 (1) frames a second"
    assert (facts["codecs"], facts["notes"]) == ("h264", *real_set.NOTES)


def test_splits(found):
    rows = [dict(zip(data_card.SPLITS, row, strict=True)) for row in data_card.splits(found)]
    assert rows == [
        {"split": "train", "videos": "10", "classes": "3", "duration": "7 s", "unreadable": "3"},
        {"split": "val", "videos": "3", "classes": "3", "duration": "2 s", "unreadable": "1"},
    ]


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("terminal", [True, False])
def test_lines_fit_and_nothing_is_cut(found, width, terminal):
    text = printed(found, width, terminal)
    said = 0 if terminal else 2  # what is said is one line where no terminal is
    assert max(map(cell_len, text.splitlines()[said:])) <= width
    assert "…" not in text and "\x1b" not in text
    words = "".join(text.split())
    for name, lines in data_card.facts(found):
        assert f"\n{name}" in text
        for line in lines:
            assert "".join(line.split()) in words, "folded between words or, where one is too long, letters"


def test_a_long_path_is_folded():
    found = made_up([1, 1])
    found.files.reason[1] = "broken"
    found.set.train.paths[1] = "/set/" + "long-" * 40 + "path.mp4"
    text = printed(found)
    assert max(map(len, text.splitlines())) <= 80 and "long-" * 40 + "path.mp4" in "".join(text.split())


def test_names_do_not_move_the_cursor():
    found = made_up([1])
    found.set.train.paths[0] = "/set/a\x1b[2J\nb\r.mp4"
    found.files.reason[0] = "broken"
    text = printed(found)
    assert "\x1b" not in text and "a?[2J b .mp4" in text


def test_a_sample_says_so():
    text = printed(made_up([1, np.nan, 1, np.nan]), 120)
    assert "looked into 2 of 4 files, spread over the set" in text
    assert "about 4 s in all" in text and "none of 2 videos" in text


def test_a_set_that_is_right_is_told_in_few_words():
    facts = told(made_up([2, 2], labels=[0, 1], train=2))
    assert facts["missing"] == "none of 2 listed videos" and facts["unreadable"] == "none of 2 videos"
    assert facts["duplicates"] == "none by content" and facts["durations"] == "2.00 s each | 4 s in all"
    assert "notes" not in facts


def test_many_reasons_are_summed_up():
    found = made_up([1] * 20)
    found.files.reason[:9] = [f"reason {index}" for index in range(9)]
    lines = told(found)["unreadable"].split(" | ")
    assert len(lines) == data_card.MANY + 2 and lines[-1] == f"{9 - data_card.MANY}: other reasons"


def test_a_set_without_a_readable_file_is_told_too():
    found = made_up([1, 1])
    found.files.reason[:] = "broken"
    facts = told(found)
    assert facts["unreadable"].startswith("2 of 2 videos (100.0%)") and "durations" not in facts
    assert "No video can be used." in data_page.render(found, [])


class Reader(HTMLParser):
    """The tags, pictures and text of a page."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.pictures, self.words = set(), [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag == "img":
            self.pictures.append(dict(attrs)["src"])

    def handle_data(self, data):
        self.words.append(data)


def test_the_page_shows_every_class_and_fact_as_text(found, shown):
    page = data_page.render(found, shown)
    for name in real_set.CLASSES:
        assert escape(name) in page and (escape(name) == name or name not in page)
    text = " ".join(" ".join(Reader(page).words).split())
    for _, lines in data_card.facts(found):
        assert all(line in text for line in lines)
    for name, _, wrong in real_set.TRAIN + real_set.VAL:
        assert wrong or name in text


def test_the_page_holds_all_pictures_and_fetches_nothing(found, shown):
    page = data_page.render(found, shown)
    read = Reader(page)
    assert len(read.pictures) == 4 * len(shown) == 36
    assert all(source.startswith("data:image/jpeg;base64,/9j/") for source in read.pictures)
    assert "default-src 'none'" in page and "script" not in read.tags and "link" not in read.tags
    assert not re.findall(r"(?:href|url\(|@import)\s*=?\s*[\"']?(?:\w+:)?//", page)


def test_nothing_of_the_users_becomes_markup(found):
    plain = Reader(data_page.render(made_up([1]), [Sample(0, problem="broken")]))
    evil = made_up([1])
    evil.set.train.paths[0] = f"/set/{EVIL}"
    for name in ("name", "root", "format"):
        object.__setattr__(evil.set, name, EVIL)
    object.__setattr__(evil.set, "classes", (EVIL, EVIL))
    object.__setattr__(evil.set, "notes", (EVIL,))
    object.__setattr__(evil.set, "missing", (EVIL,))
    page = data_page.render(evil, [Sample(0, problem=EVIL)])
    assert Reader(page).tags == plain.tags and EVIL in "".join(Reader(page).words)


def test_sixty_videos_of_noise_stay_below_five_megabytes(tmp_path):
    import simplejpeg

    from nas.data.samples import LONG, QUALITY, SHORT

    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (SHORT, LONG, 3), dtype=np.uint8)
    picture = simplejpeg.encode_jpeg(noise, QUALITY, colorsubsampling="420")
    page = data_page.render(made_up([1] * 60), [Sample(number, (picture,) * 4) for number in range(60)])
    assert len(page) < 5_000_000
