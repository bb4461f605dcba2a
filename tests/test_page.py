"""The page: one file, nothing from outside, nothing a study says is run."""

import base64
import doctest
import hashlib
import math
import re

import pandas as pd
import pytest

import nas.page
from nas.errors import NasError
from nas.page import failures, fidelity, render, write_page
from nas.plots import trials as frame
from tests.study_frame import references, trials

SCRIPT = re.compile(r"<script(?P<attrs>[^>]*)>(?P<text>.*?)</script>", re.DOTALL)
EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'{{ 7 * 7 }}"


def scripts(page):
    """The scripts that a browser would run: those that are not JSON."""
    return [match["text"] for match in SCRIPT.finditer(page) if "json" not in match["attrs"]]


def words(page):
    """The page without its scripts, in one line."""
    return " ".join(SCRIPT.sub("", page).split())


def test_plotly_is_embedded_once_and_nothing_is_fetched():
    page = render(trials(), references())
    plotly, own = scripts(page)
    assert len(plotly) > 1_000_000 and len(own) < 10_000
    assert len(page) < 6_000_000
    outside = re.findall(r"""(?:src|href|url\(|@import)\s*=?\s*["']?(\w+:)?//""", words(page))
    assert not outside and "<link" not in words(page)


def test_the_policy_allows_these_scripts_alone():
    page = render(trials())
    policy = re.search(r'Security-Policy" content="([^"]*)"', page)[1].replace("&#39;", "'")
    assert "default-src 'none'" in policy and "unsafe-inline" not in policy.split("script-src")[1].split(";")[0]
    for text in scripts(page):
        assert base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() in policy


def test_nothing_a_study_says_becomes_markup():
    study = trials().assign(summary=EVIL, genotype=EVIL, reason=EVIL, key=EVIL)
    study[f"decision.{EVIL}"] = EVIL
    study.attrs |= dict.fromkeys(("study", "dataset", "proxy", "budget", "clip"), EVIL)
    study.attrs["objectives"] = [EVIL]
    peers = references().assign(name=EVIL, dataset=EVIL, source=EVIL, clip=EVIL)
    page = render(study, peers, facts={EVIL: EVIL}, target=EVIL)
    assert len(scripts(page)) == len(scripts(render(trials()))) == 2
    assert "<img" not in words(page) and "alert(1)" in words(page)
    assert "49" not in words(page).replace("&#39;", ""), "no template in a template"
    for match in SCRIPT.finditer(page):
        assert "json" not in match["attrs"] or "<" not in match["text"]


def test_the_front_is_a_table_with_commands_and_genotypes():
    text = words(render(trials(), target="studies/my study", knee=1))
    assert text.index("--trial 0</code>") < text.index("--trial 1</code>"), "the cheapest first"
    assert "nas retrain &#39;studies/my study&#39; --trial 0" in text
    assert "60.0 ± 2.0 %" in text and text.count('class="knee"') == 1
    assert '<details id="trial-1">' in text and "nas: 1 trial: 1" in text
    assert '<details id="trial-2">' not in text, "a dominated trial"


def test_the_head_tells_the_study():
    text = words(render(trials(), facts={"draws over the budget": 412, "versions": "nas 0.1.0", "none": None}))
    for part in ("5 trials (3 complete, 1 failed, 1 running); 2 on the front", "one 8x224x224 clip", "412"):
        assert part in text
    assert "width x0.25, 8 epochs" in text and "nas 0.1.0" in text and "<dt>none" not in text


def test_the_head_counts_what_was_not_trained():
    study = trials()
    study.attrs |= {
        "dropped": {"over_budget": 412, "repeated": 14},
        "versions": {"nas": "0.1.0", "torch": "2.13"},
    }
    text = words(render(study))
    assert "412 over budget, 14 repeated" in text and "nas 0.1.0, torch 2.13" in text


def test_failures_are_grouped_by_reason():
    study = frame.tidy(trials().assign(state="failed", on_front=False, reason=["oom", "", "nan", "oom", None]))
    assert [(g["reason"], g["count"], g["trials"]) for g in failures(study)] == [
        ("no reason on record", 2, [1, 4]),
        ("oom", 2, [0, 3]),
        ("nan", 1, [2]),
    ]


def test_the_proxy_is_unknown_until_three_trials_are_retrained():
    two = pd.DataFrame({"trial": [0, 1, 2], "proxy": [0.4, 0.6, 0.3], "retrained": [0.7, 0.8, math.nan]})
    text = words(render(trials(), retrained=two, target="studies/tiny"))
    assert "Unknown: 2 trials have been retrained" in text
    assert "nas retrain studies/tiny --trial 0 nas retrain studies/tiny --trial 1 nas pareto studies/tiny" in text
    assert "Unknown: no trials have been retrained" in words(render(trials()))


def test_rank_correlations_by_hand():
    # of the six pairs five agree and one does not: (5 - 1) / 6; squared rank differences sum to 2: 1 - 12/60
    rows = pd.DataFrame({"trial": range(4), "proxy": [0.1, 0.2, 0.3, 0.4], "retrained": [0.5, 0.7, 0.6, 0.8]})
    assert "tau is 0.67" in fidelity(rows) and "rho is 0.80" in fidelity(rows)
    assert "equal accuracies" in fidelity(rows.assign(proxy=0.5))
    assert fidelity(rows.to_dict("records")) == fidelity(rows), "rows may be dicts as well"
    assert fidelity([{"trial": None, "proxy": None, "retrained": 0.5}]) == ""
    assert fidelity(None) == fidelity(rows[:2]) == ""
    assert "80.0 %" in words(render(trials(), retrained=rows))


@pytest.mark.parametrize("count, said", [(0, "no trial yet"), (1, "1 trial (1 complete)")])
def test_few_trials(count, said):
    assert said in words(render(trials(count)))
    assert said in words(render(trials(count), references())) and len(scripts(render(trials(count)))) == 2


def test_a_frame_without_columns_is_a_study_at_its_start():
    assert "There is no front: no trial yet." in words(render(pd.DataFrame()))


def test_everything_failed():
    study = trials().assign(state="failed", accuracy=math.nan, on_front=False, reason="out of memory")
    text = words(render(study))
    assert "There is no front: all 5 trials failed." in text and "0, 1, 2, 3, 4" in text


def test_the_page_is_written_whole_or_not_at_all(tmp_path):
    path = write_page(tmp_path / "pareto.html", trials())
    before = path.read_text()
    assert before.startswith("<!doctype html>") and before == render(trials()), "the same study, the same page"
    assert [entry.name for entry in tmp_path.iterdir()] == ["pareto.html"], "no part left behind"
    with pytest.raises(NasError, match=r"missing/pareto.html: cannot be written \(No such file"):
        write_page(tmp_path / "missing" / "pareto.html", trials())
    (tmp_path / "folder").mkdir()
    with pytest.raises(NasError, match="cannot be written .Is a directory"):
        write_page(tmp_path / "folder", trials())
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["folder", "pareto.html"]


def test_the_examples_hold():
    assert not doctest.testmod(nas.page).failed
