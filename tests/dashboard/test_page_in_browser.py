"""The page in a real browser: click, filter, brush, copy, download, new data, on wide and narrow screens."""

import csv

import pytest
import yaml

from nas.dashboard import board, static
from nas.dashboard.payload import payload as whole
from tests.dashboard.browsing import FIRST, chip, drawn
from tests.dashboard.payloads import payload, tables
from tests.searched import searched

EVIL = "<img src=x onerror=alert(2)></script><script>alert(1)</script>\"'&lt;b&gt;{{ 7 * 7 }}"


@pytest.fixture
def page(opened):
    return opened(static.render(payload(tables(60))))


def place(page, number, figure=FIRST):
    """Where on screen a figure shows a trial."""
    plot = drawn(page, figure)
    return page.evaluate(f"""() => {{
      const plot = {plot}, box = plot.getBoundingClientRect();
      for (const trace of plot._fullData) {{
        const at = Array.from(trace.customdata ?? []).indexOf({number});
        if (at < 0) continue;
        const axis = (id) => plot._fullLayout[id.replace(/^(.)/, "$1axis")];
        const [x, y] = [axis(trace.xaxis ?? "x"), axis(trace.yaxis ?? "y")];
        return [box.left + x._offset + x.d2p(trace.x[at]), box.top + y._offset + y.d2p(trace.y[at])];
      }}
    }}""")


def numbers(page):
    """The trials in the table, those of the rows that are made."""
    return [
        int(value) for value in page.eval_on_selector_all("tr[data-number]", "rows => rows.map(r => r.dataset.number)")
    ]


def brush(page, figure=FIRST, left=0.3, right=0.7, subplot="xy"):
    """Drags a box over a part of a figure's trials."""
    page.locator("input[value=select]").check(force=True)
    drawn(page, figure)
    box = page.locator(f'[data-id="{figure}"] .nsewdrag[data-subplot={subplot}]').bounding_box()
    top, bottom = box["y"] + 4, box["y"] + box["height"] - 4
    page.mouse.move(box["x"] + left * box["width"], top)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.5 * box["width"], 0.5 * (top + bottom), steps=4)
    page.mouse.move(box["x"] + right * box["width"], bottom, steps=4)
    page.mouse.up()
    chip(page, "selected")
    return int(page.inner_text("#chip").split()[0])


def lit(page, figure):
    """How many points of a figure stand out; None where all do."""
    page.wait_for_timeout(500)
    return page.evaluate(f"""() => {{
      const traces = {drawn(page, figure)}.data.filter((trace) => trace.customdata?.length);
      return traces.every((trace) => !trace.selectedpoints) ? null
        : traces.reduce((sum, trace) => sum + (trace.selectedpoints?.length ?? 0), 0);
    }}""")


def test_clicking_a_point_opens_its_trial(page):
    number = 4
    page.mouse.click(*place(page, number))
    page.wait_for_selector("#details pre")
    assert page.inner_text("#details-heading") == f"Trial {number}"
    text = page.inner_text("#details")
    assert (
        f"nas retrain studies/made-up --trial {number}" in text and f"nas show studies/made-up --trial {number}" in text
    )
    assert (
        "stages:" in page.inner_text("#details pre") and "GFLOPs" in text and page.locator("#curve .main-svg").count()
    )
    page.keyboard.press("Escape")
    assert page.is_hidden("#details")


def test_the_open_trial_has_a_ring_in_every_figure(page):
    page.mouse.click(*place(page, 4))
    page.wait_for_selector("#details pre")
    page.wait_for_timeout(300)
    for figure in (FIRST, "1-made-up"):
        rings = f"{drawn(page, figure)}.data.filter((trace) => trace.marker?.size === 22 && trace.x.length > 1)"
        assert page.evaluate(f"{rings}.length") == 1


def test_the_table_by_keyboard(page):
    page.locator("tr[data-number][tabindex='0']").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    focused = int(page.evaluate("document.activeElement.dataset.number"))
    assert focused == numbers(page)[2]
    page.keyboard.press("Enter")
    page.wait_for_selector("#details pre")
    assert page.inner_text("#details-heading") == f"Trial {focused}"
    assert page.evaluate("document.activeElement.id") == "details-heading"
    page.keyboard.press("Escape")
    assert int(page.evaluate("document.activeElement.dataset.number")) == focused
    page.keyboard.press("End")
    page.wait_for_timeout(600)
    last = int(page.evaluate("document.activeElement.dataset.number"))
    assert last == numbers(page)[-1] != focused


def test_the_table_is_sorted_with_the_unknown_last(page):
    assert page.inner_text("tr[data-number] >> nth=0").split()[0] != "-"
    page.click("th:has-text('accuracy')")
    page.wait_for_timeout(200)
    first = page.inner_text("tr[data-number] >> nth=0")
    assert "%" in first and "complete" in first


def test_commands_are_copied_or_selected(page):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator("tr[data-number]").first.click()
    page.wait_for_selector("#details pre")
    button, command = page.locator(".command button").first, page.inner_text(".command code >> nth=0")
    button.click()
    page.wait_for_function("() => document.querySelector('.command button').textContent === 'copied'")
    assert page.evaluate("navigator.clipboard.readText()") == command
    page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    button.click()
    page.wait_for_function("() => document.querySelector('.command button').textContent === 'selected'")
    assert page.evaluate("String(getSelection())") == command


def test_a_box_in_one_figure_selects_in_all_and_in_the_table(page, shots):
    chosen = brush(page)
    assert 0 < chosen < 60
    assert lit(page, FIRST) and lit(page, "1-made-up") and lit(page, "explorer")
    page.locator("#trials").scroll_into_view_if_needed()
    assert f"of {chosen}" in page.inner_text(".dt-info")
    page.screenshot(path=shots / "brushed.png")
    page.click("#clear")
    chip(page, "60 trials")
    assert lit(page, FIRST) is None and "of 60" in page.inner_text(".dt-info")


def test_filters_narrow_figures_and_table(page):
    page.click("#toggle")
    page.check("#tick-states-stopped")
    stopped = (tables(60)["trials"]["state"] == "stopped").sum()
    chip(page, f"{stopped} of 60 trials pass")
    page.uncheck("#tick-states-stopped")
    page.check("#front-only")
    chip(page, f"{tables(60)['trials']['on_front'].sum()} of 60 trials pass")
    page.uncheck("#front-only")
    page.check("[id='tick-decision.block-ir']")
    page.check("[id='tick-decision.block-ip']")
    chip(page, "pass")
    page.wait_for_timeout(300)
    assert page.inner_text("#toggle") == "Filters (1)"
    assert {
        row.split()[0]
        for row in page.eval_on_selector_all("tr[data-number] td:last-child", "c => c.map(x => x.textContent)")
    } == {"ir", "ip"}


def test_a_budget_by_keyboard_and_by_number(page):
    page.click("#toggle")
    page.focus("#slide-most-gflops")
    for _ in range(5):
        page.keyboard.press("PageDown")
    chip(page, "pass")
    below = int(page.inner_text("#chip").split()[0])
    most = float(page.input_value("#field-most-gflops"))
    assert 0 < below < 60 and most < tables(60)["trials"]["gflops"].max()
    page.fill("#field-least-gflops", "2")
    page.keyboard.press("Enter")
    page.wait_for_timeout(300)
    gflops = tables(60)["trials"]["gflops"]
    limit = page.evaluate("Number(document.querySelector('#field-most-gflops').value)")
    assert abs(int(page.inner_text("#chip").split()[0]) - int(gflops.between(2, limit).sum())) <= 1


def test_accuracies_are_filtered_in_percent(page):
    page.click("#toggle")
    page.fill("#field-least-accuracy", "50")
    page.keyboard.press("Enter")
    chip(page, f"{(tables(60)['trials']['accuracy'] >= 0.5).sum()} of 60 trials pass")


def test_figures_of_all_objectives_are_brushed(opened, tmp_path):
    """Pairs of views after another way to drag; parallel coordinates between any two values, and where nothing is."""
    study = searched(tmp_path, 30, objectives="accuracy,gflops,ginteractions")
    page = opened(static.render(real(study)))
    page.wait_for_selector("[data-id=front_pairs-0] .nsewdrag", state="attached")
    assert 0 < brush(page, "front_pairs-0", subplot="xy2") < 30
    page.click("#clear")
    plot = drawn(page, "parallel_coordinates-1")
    ends = page.evaluate(f"{plot}.data[0].dimensions.map((one) => [one.label, ...one.range])")
    (place, (_, low, high)) = next((place, one) for place, one in enumerate(ends) if one[0] == "accuracy")
    lines = [trial.accuracy for trial in study.trials()]
    assert low < min(lines) and max(lines) < high
    keep = f"Plotly.restyle({plot}, {{'dimensions[{place}].constraintrange': [[%s, %s]]}})"
    middle = sum(lines) / len(lines)
    page.evaluate(keep % (middle, high))
    chip(page, f"{sum(one >= middle for one in lines)} of 30 trials selected")
    page.evaluate(keep % (low - 2, low - 1))
    chip(page, "0 of 30 trials selected")
    page.click("#clear")
    chip(page, "30 trials")


def real(study):
    """The payload of a study with figures of all objectives."""
    figures = [{"figure": "front_pairs"}, {"figure": "parallel_coordinates"}]
    return whole([study], board.parse({"sections": [{"heading": "All", "figures": figures}]}))


def test_search_takes_numbers_as_words(page):
    page.fill("#search", "17")
    chip(page, "1 of 60")
    assert numbers(page) == [17]
    page.fill("#search", "ir depth")
    chip(page, "pass")
    page.fill("#search", "nothing has this")
    chip(page, "0 of 60")
    assert "No trial passes" in page.inner_text(".dt-scroll-body") and page.is_disabled("[data-kind=CSV]")


def test_the_explorer_draws_what_is_picked(page):
    page.select_option("#explorer-x", "mparams")
    page.select_option("#explorer-y", "seconds")
    page.select_option("#explorer-colour", "gflops")
    plot = drawn(page, "explorer")
    page.wait_for_timeout(500)
    assert "Mparams" in page.evaluate(f"{plot}.layout.xaxis.title.text")
    assert page.evaluate(f"{plot}.layout.xaxis.type") == "log"
    page.mouse.click(*place(page, 7, "explorer"))
    page.wait_for_selector("#details pre")
    assert page.inner_text("#details-heading") == "Trial 7"


def download(page, kind):
    with page.expect_download() as found:
        page.click(f"[data-kind={kind}]")
    return found.value.path().read_text(encoding="utf-8")


def test_the_selection_as_csv_and_yaml(page):
    made = tables(60)["trials"]
    page.fill("#search", "ip depth")
    chip(page, "pass")
    wanted = made[made["decision.block"] == "ip"]
    rows = list(csv.DictReader(download(page, "CSV").splitlines()))
    assert [int(row["number"]) for row in rows] == wanted["number"].tolist()
    assert float(rows[0]["gflops"]) == wanted["gflops"].iloc[0]
    listed = yaml.safe_load(download(page, "YAML"))
    assert listed["study"] == "made-up" and [one["trial"] for one in listed["trials"]] == wanted["number"].tolist()
    assert [one["genotype"] for one in listed["trials"]] == wanted["genotype"].tolist()
    assert listed["trials"][0]["key"] == wanted["key"].iloc[0]


def test_downloads_hold_strange_texts(opened):
    made = tables(3)
    made["trials"]["summary"] = ["=1+1", 'a,"b"\nc', EVIL]
    page = opened(static.render(payload(made)))
    rows = list(csv.DictReader(download(page, "CSV").splitlines(keepends=True)))
    assert [row["summary"] for row in rows] == ["'=1+1", 'a,"b"\nc', EVIL]
    assert [one["summary"] for one in yaml.safe_load(download(page, "YAML"))["trials"]] == made["trials"][
        "summary"
    ].tolist()


def test_new_data_keep_what_the_user_did(page):
    plot = drawn(page)
    page.evaluate(f"Plotly.relayout({plot}, {{'xaxis.range': [0, 1], 'yaxis.range': [0.3, 0.5]}})")
    chosen = brush(page, left=0.02, right=0.98)
    page.locator("tr[data-number]").nth(1).click()
    page.wait_for_selector("#details pre")
    opened_trial = page.inner_text("#details-heading")
    page.locator(".dt-scroll-body").evaluate("body => { body.scrollTop = 100; }")
    page.evaluate("scrollTo(0, 300)")
    page.wait_for_timeout(300)
    before = page.evaluate("[scrollY, document.querySelector('.dt-scroll-body').scrollTop]")
    page.evaluate("data => nasDashboard.update(data)", payload(tables(75)))
    chip(page, f"{chosen} of 75 trials selected")
    page.wait_for_timeout(800)
    assert page.evaluate(f"{drawn(page)}.layout.xaxis.range") == [0, 1]
    assert page.inner_text("#details-heading") == opened_trial and page.is_visible("#details")
    assert page.evaluate("document.querySelector('.dt-scroll-body').scrollTop") == before[1]


def test_new_trials_are_said_and_marked_for_a_moment(page):
    page.evaluate("data => nasDashboard.update(data)", payload(tables(75)))
    page.wait_for_selector("tr.fresh", state="attached")
    assert "15 new trials: 60, 61" in page.inner_text("#said")
    page.wait_for_selector("tr.fresh", state="detached")


def test_new_data_keep_filters_focus_and_scroll(page):
    page.click("#toggle")
    page.check("#tick-states-complete")
    page.focus("[id='tick-decision.block-ir']")
    page.evaluate("scrollTo(0, 700)")
    page.wait_for_timeout(400)
    page.evaluate("data => nasDashboard.update(data)", payload(tables(61)))
    chip(page, "of 61 trials pass")
    assert page.is_checked("#tick-states-complete")
    assert page.evaluate("document.activeElement.id") == "tick-decision.block-ir"
    assert abs(page.evaluate("scrollY") - 700) <= 2


def test_the_first_trials_of_an_empty_study(opened):
    page = opened(static.render(payload(tables(0))))
    assert "no trial yet" in page.inner_text("#lede")
    page.evaluate("data => nasDashboard.update(data)", payload(tables(3)))
    chip(page, "3 trials")
    assert sorted(numbers(page)) == [0, 1, 2] and "a new trial" not in page.inner_text("#said")


def test_a_server_that_does_not_answer(page):
    page.evaluate("nasDashboard.offline('the server does not answer; trying again')")
    assert page.inner_text("#offline") == "the server does not answer; trying again"
    page.evaluate("data => nasDashboard.update(data)", payload(tables(60)))
    page.wait_for_function("() => document.querySelector('#offline').hidden")


def test_two_studies_each_with_its_own_state(opened, shots):
    page = opened(static.render(payload(tables(40, name="one"), tables(30, seed=1, name="two"))))
    page.fill("#search", "ir")
    chip(page, "of 40")
    page.evaluate(f"Plotly.relayout({drawn(page, '0-one')}, {{'xaxis.range': [0.25, 0.75]}})")
    page.select_option("#study", "1")
    chip(page, "30 trials")
    assert page.input_value("#search") == ""
    assert page.locator('[data-id="0-two"]').count() and not page.locator('[data-id="0-one"]').count()
    assert page.inner_text("#lede").startswith("two: 30 trials")
    page.locator("tr[data-number]").first.click()
    page.wait_for_selector("#details pre")
    assert "studies/two" in page.inner_text("#details")
    page.screenshot(path=shots / "two-studies.png")
    page.select_option("#study", "0")
    chip(page, "of 40 trials pass")
    assert page.input_value("#search") == "ir" and page.is_hidden("#details")
    assert page.evaluate(f"{drawn(page, '0-one')}.layout.xaxis.range") == [0.25, 0.75], "the zoom is kept"


def test_nothing_a_study_says_becomes_markup(opened):
    evil = tables(12, name=EVIL)
    evil["trials"] = evil["trials"].assign(summary=EVIL, reason=EVIL, key=EVIL, genotype=EVIL)
    evil["trials"][f"decision.{EVIL}"] = [EVIL, "b"] * 6
    evil["trials"].attrs |= dict.fromkeys(("dataset", "proxy", "budget"), EVIL)
    data = payload(evil, title=EVIL)
    for column in data["studies"][0]["columns"]:
        column |= {"label": EVIL, "unit": EVIL, "shown": True}
    page = opened(static.render(data))
    page.locator("tr[data-number]").first.click()
    page.wait_for_selector("#details pre")
    page.click("#toggle")
    page.click(".menu summary")
    page.fill("#search", "img")
    page.select_option("#explorer-colour", f"decision.{EVIL}")
    page.mouse.move(*place(page, 0, "explorer"))
    page.wait_for_timeout(600)
    assert page.inner_text("#details pre") == EVIL and page.inner_text("h1") == EVIL
    assert page.locator("img, script[src]").count() == 0 and page.locator("b").count() == 0


def test_a_broken_part_is_said(opened):
    data = payload(tables(3))
    data["studies"][0]["details"] = "bm90IGd6aXA="
    page = opened(static.render(data))
    page.locator("tr[data-number]").first.click()
    page.wait_for_selector("#details .empty")
    assert "cannot be read" in page.inner_text("#details")


def test_every_control_has_a_name(page):
    page.click("#toggle")
    page.locator("tr[data-number]").first.click()
    page.wait_for_selector("#details pre")
    nameless = page.evaluate("""() => {
      const label = (one) => one.getAttribute("aria-label") || one.title || one.labels?.length;
      const named = (one) => label(one) || one.textContent.trim();
      return [...document.querySelectorAll("button, input, select, summary, [role=button]")]
        .filter((one) => !one.closest("[hidden], .modebar") && !named(one)).map((one) => one.outerHTML.slice(0, 120));
    }""")
    assert nameless == [] and page.locator("h1").count() == 1
    page.keyboard.press("Escape")
    page.evaluate("document.activeElement.blur(), scrollTo(0, 0)")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "trials"


def test_a_trial_in_the_address_is_open(opened):
    page = opened(static.render(payload(tables(12))))
    page.evaluate("location.hash = '#trial-5'")
    page.wait_for_selector("#details section")
    assert page.inner_text("#details-heading") == "Trial 5" and "out of memory" in page.inner_text("#details")
