"""Pages of all kinds of studies in a real browser, on wide and narrow screens, light and dark, and of 10,000 trials."""

import copy
import json

import pandas as pd
import pytest

from nas.dashboard import static
from tests.dashboard.browsing import chip, drawn
from tests.dashboard.payloads import payload, tables

LONG = "a name that has no end " + "w" * 280
TELEPHONE = {"width": 390, "height": 844, "is_mobile": True, "has_touch": True}


def all_failed():
    made = tables(20)
    made["trials"]["state"], made["trials"]["on_front"] = "failed", False
    made["trials"][["accuracy", "last_accuracy"]] = float("nan")
    made["trials"]["reason"] = "out of memory on cuda:0"
    return payload(made)


def long_names():
    made = tables(30, name=LONG)
    made["trials"] = made["trials"].assign(summary=LONG, reason=LONG, key=LONG)
    made["trials"][f"decision.{LONG}"] = [LONG, "b"] * 15
    made["trials"].attrs |= dict.fromkeys(("study", "dataset", "proxy"), LONG)
    return payload(made, title=LONG)


def one_objective():
    data = payload(tables(30), figures=1)
    study = data["studies"][0]
    study["objectives"] = ["accuracy"]
    study["columns"] = [column for column in study["columns"] if column["key"] == "accuracy"]
    for key in ("gflops", "ginteractions", "mparams", "macs"):
        study["trials"].pop(key, None)
    return data


def four_objectives():
    made = tables(60)
    made["trials"]["latency"] = 2.0 + made["trials"]["gflops"]
    data = payload(made, figures=4)
    study = data["studies"][0]
    study["objectives"] = ["accuracy", "gflops", "ginteractions", "latency"]
    latency = {"key": "latency", "label": "ms of latency", "unit": "one clip on cpu", "kind": "number", "cost": True}
    study["columns"].insert(2, latency | {"direction": "min", "shown": True})
    return data


PAGES = {
    "none": lambda: payload(tables(0)),
    "one": lambda: payload(tables(1)),
    "twelve": lambda: payload(tables(12), figures=4),
    "two-hundred": lambda: payload(tables(200), figures=12),
    "one-objective": one_objective,
    "four-objectives": four_objectives,
    "long-names": long_names,
    "all-failed": all_failed,
    "no-study": lambda: {"title": "none", "studies": [], "figures": [], "sections": []},
}


def photographed(page, path, wait=300):
    """Screenshots in both colour schemes: `path` with -light and -dark before its ending."""
    page.wait_for_timeout(wait)
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)
        page.screenshot(path=path.with_stem(f"{path.stem}-{scheme}"))


def overlapping(page):
    """Pairs of things in figures that lie on each other: axis titles, legends, colour bars."""
    return page.evaluate("""() => [...document.querySelectorAll(".plot")].flatMap((plot) => {
      const bar = ".cbcoloraxis .cbfills, .cbcoloraxis text";
      const parts = [...plot.querySelectorAll(`.xtitle, .legend, .annotation, ${bar}`)];
      const boxes = parts.map((part) => [part, part.getBoundingClientRect()]).filter(([, box]) => box.width);
      return boxes.flatMap(([one, a], place) => boxes.slice(place + 1).filter(([other, b]) =>
        a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1,
      ).map(([other]) => `${plot.dataset.id}: ${one.textContent} on ${other.textContent}`));
    })""")


@pytest.mark.parametrize("screen", ["wide", "telephone"])
@pytest.mark.parametrize("name", PAGES)
def test_every_page_on_every_screen(opened, shots, name, screen):
    page = opened(static.render(PAGES[name]()), **(TELEPHONE if screen == "telephone" else {}))
    photographed(page, shots / f"{name}-{screen}-1-top.png", wait=900)
    if page.locator("tr[data-number]").count():
        page.evaluate("document.querySelector('#trials').scrollIntoView()")
        page.wait_for_timeout(500)
        page.locator("tr[data-number]").first.click()
        page.wait_for_selector("#details section")
        photographed(page, shots / f"{name}-{screen}-2-details.png", wait=500)
        page.keyboard.press("Escape")
        page.evaluate("document.querySelector('#explorer').scrollIntoView()")
        page.click("#toggle")
        photographed(page, shots / f"{name}-{screen}-3-filters.png", wait=900)
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]
    assert page.locator(".plot .empty").count() == 0, "a figure that could not be drawn"
    assert not overlapping(page)


def webgl(made):
    """A payload of many trials: thirteen WebGL figures of numbers alone, as Python makes them from 2,000 points on."""
    import plotly.graph_objects as go

    trials = made["trials"]
    marks = {"customdata": trials["number"].to_numpy(), "hovertemplate": "trial %{customdata}<extra></extra>"}
    cloud = go.Scattergl(x=trials["gflops"].to_numpy(), y=trials["accuracy"].to_numpy(), mode="markers", **marks)
    drawing = json.loads(go.Figure(cloud).to_json())
    drawing["layout"] = {"template": {}, "height": 420}
    figures = [
        {"id": f"{place}-made-up", "study": "made-up", "title": f"Figure {place}", "note": "", "wide": False}
        | {"json": copy.deepcopy(drawing)}
        for place in range(13)
    ]
    sections = [{"heading": "All", "figures": [one["id"] for one in figures]}]
    return payload(made) | {"figures": figures, "sections": sections}


def test_10000_trials(opened, shots):
    html = static.render(webgl(tables(10_000)))
    assert len(html.encode()) < 15e6
    page = opened(html)
    lost = []
    page.on("console", lambda told: lost.append(told.text) if "context" in told.text.lower() else None)
    height = page.evaluate("document.documentElement.scrollHeight")
    for top in [*range(0, height, 700), 0]:
        page.evaluate(f"scrollTo(0, {top})")
        page.wait_for_timeout(400)
    drawn(page)
    page.screenshot(path=shots / "ten-thousand.png")
    assert page.locator(".gl-canvas").count() <= 3 * 8 and not lost
    page.fill("#search", "depth 6")
    chip(page, "of 10,000 trials pass")
    page.locator("tr[data-number]").first.click()
    page.wait_for_selector("#details pre")
    frame = pd.Series(page.locator("tr[data-number] td:last-child").all_inner_texts())
    assert frame.str.contains("depth 6").all()
