"""The page as one text: what runs, what it may fetch, how large it is."""

import base64
import gzip
import hashlib
import json
import re

import pytest

from nas.dashboard import static
from nas.errors import NasError
from tests.dashboard.payloads import payload, tables

SCRIPT = re.compile(r"<script(?P<attrs>[^>]*)>(?P<text>.*?)</script>", re.DOTALL)
EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'{{ 7 * 7 }}\u2028<!--"


@pytest.fixture(scope="module")
def page():
    return static.render(payload(tables(12)))


def policy(page):
    return re.search(r'Security-Policy" content="([^"]*)"', page)[1].replace("&#39;", "'")


def runnable(page):
    """The scripts that a browser would run."""
    return [match["text"] for match in SCRIPT.finditer(page) if "json" not in match["attrs"]]


def carried(page):
    """The payload that the page carries."""
    return json.loads(next(match["text"] for match in SCRIPT.finditer(page) if "json" in match["attrs"]))


def test_the_policy_names_every_script_and_no_other(page):
    scripts, rules = runnable(page), policy(page)
    assert len(scripts) == rules.count("sha256-") == 3
    for text in scripts:
        assert base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() in rules
    assert "default-src 'none'" in rules and "connect-src 'none'" in rules
    assert "unsafe" not in rules.split("script-src")[1].split(";")[0]


def test_functions_from_text_are_allowed_for_webgl_alone():
    few = payload(tables(12))
    assert not static.compiles(few)
    few["figures"][0]["json"]["data"][0]["type"] = "splom"
    assert "'unsafe-eval'" in policy(static.render(few))
    assert static.compiles(payload(tables(static.EXPLORER_POINTS + 1)) | {"figures": []})


def test_a_live_page_asks_its_own_server():
    page = static.render(payload(tables(2)), live=True)
    assert "Content-Security-Policy" not in page and "<!--live-->" in page, "its server sends the policy"
    told = static.policy(static.scripts(), live=True, hashes=["'sha256-abc'"])
    assert "connect-src 'self'" in told and "'sha256-abc' 'self'" in told and "unsafe-inline" not in told.split(";")[1]
    assert "<!--live-->" not in static.render(payload(tables(2)))


def test_libraries_are_there_once_and_nothing_is_fetched(page):
    plotly, table, own = runnable(page)
    assert len(plotly) > 3_000_000 and "window.DataTable=" in table and len(own) < 100_000
    words = SCRIPT.sub("", page)
    assert not re.findall(r"""(?:src|href|url\(|@import)\s*=?\s*["']?(\w+:)?//""", words) and "<link" not in words


def test_no_library_can_hide_the_end_of_its_element(page):
    for text in runnable(page):
        assert not ("<!--" in text and "<script" in text.lower())


def test_nothing_a_study_says_ends_its_element():
    evil = tables(12, name=EVIL)
    evil["trials"] = evil["trials"].assign(summary=EVIL, reason=EVIL, key=EVIL)
    evil["trials"][f"decision.{EVIL}"] = EVIL
    evil["trials"].attrs |= dict.fromkeys(("study", "dataset", "proxy", "budget"), EVIL)
    page = static.render(payload(evil, title=EVIL) | {"command": EVIL})
    assert len(runnable(page)) == 3 and "<img" not in SCRIPT.sub("", page)
    text = next(match["text"] for match in SCRIPT.finditer(page) if "json" in match["attrs"])
    assert not set("<>&\u2028") & set(text)
    assert carried(page)["studies"][0]["trials"]["summary"][3] == EVIL


def test_large_parts_travel_packed_and_whole():
    large = payload(tables(200))
    arrived = carried(static.render(large))
    for sent, part in [
        (large["figures"][0]["json"], arrived["figures"][0]["json"]),
        (large["studies"][0]["trials"], arrived["studies"][0]["trials"]),
    ]:
        assert json.loads(gzip.decompress(base64.b64decode(part["packed"]))) == sent


def test_equal_data_are_an_equal_page():
    assert static.render(payload(tables(30))) == static.render(payload(tables(30)))


def test_200_trials_and_twelve_figures_are_below_6_mb():
    assert len(static.render(payload(tables(200), figures=12)).encode()) < 6e6


def test_numbers_that_json_lacks_are_refused():
    strange = payload(tables(2))
    strange["studies"][0]["trials"]["gflops"][0] = float("nan")
    with pytest.raises(ValueError, match="JSON"):
        static.render(strange)


def test_no_study_at_all():
    nothing = {"title": "none", "studies": [], "figures": [], "sections": []}
    assert carried(static.render(nothing)) == nothing


def test_the_file_is_written_whole_or_not_at_all(tmp_path):
    path = static.write(tmp_path / "dashboard.html", payload(tables(1)))
    assert path.read_text(encoding="utf-8").endswith("</html>")
    (tmp_path / "file").write_text("")
    with pytest.raises(NasError):
        static.write(tmp_path / "file" / "dashboard.html", payload(tables(1)))
