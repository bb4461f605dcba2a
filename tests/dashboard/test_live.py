"""The live page: a real server, a real browser, and a search that goes on meanwhile."""

import json
import threading
import time
import urllib.error
import urllib.request

import pytest

from nas.dashboard import board, serving, static
from nas.dashboard.live import Watch
from nas.errors import NasError
from tests.searched import search, searched
from tests.storage import drivers

BOARD = board.parse({"sections": [{"heading": "The front", "figures": [{"figure": "accuracy_over_cost"}]}]})


@pytest.fixture
def opened(tmp_path):
    return searched(tmp_path, 12)


@pytest.fixture
def served():
    """serve(folders, token=...): the address of a server that answers until the test ends."""
    servers = []

    def serve(folders, token=None, host="127.0.0.1"):
        server = serving._server(folders, BOARD, host, 0, token)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://{host}:{server.port}/"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def get(address, **headers):
    return urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=30)


class TestWatch:
    """What is sent, and when."""

    def test_nothing_changes_while_no_file_does(self, opened):
        watch = Watch([opened.folder], BOARD)
        first = watch.now()
        assert watch.now() is first and first["version"] == 1
        assert first["payload"]["studies"][0]["trials"]["number"] == list(range(12))

    def test_a_study_of_a_database(self, tmp_path, postgres):
        """Trials, epochs, and a database that goes away and comes back."""
        made = drivers.new(tmp_path / "study", postgres.url(postgres.database()), objectives="accuracy,gflops")
        drivers.search(made, 2)
        watch = Watch([made.folder], BOARD)
        first = watch.now()
        assert watch.now() is first and first["payload"]["studies"][0]["trials"]["number"] == [0, 1]
        drivers.add(made, -1)
        versions = [watch.now()["version"]]
        made.note(2, [{"epoch": 1, "val_accuracy": 0.5, "train_error": 0.5}])
        versions.append(watch.now()["version"])
        made.complete(2, drivers.outcome(0.5))
        versions.append(watch.now()["version"])
        assert versions == sorted(set(versions))
        postgres.stop()
        away = watch.now()
        assert "the database does not answer" in away["error"] and watch.now() is away
        postgres.start()
        assert watch.now()["payload"]["studies"][0]["trials"]["number"] == [0, 1, 2]

    def test_an_ended_trial_is_a_new_version(self, opened):
        watch = Watch([opened.folder], BOARD)
        before = watch.now()["version"]
        search(opened, 13)
        told = watch.now()
        assert told["version"] > before and len(told["payload"]["studies"][0]["trials"]["number"]) == 13

    def test_trials_come_at_once_and_their_figures_after_them(self, opened):
        watch = Watch([opened.folder], BOARD)
        assert watch.now()["payload"]["figures"]
        search(opened, 13)
        told, more, same = watch.now(), watch.now(), watch.now()
        assert "figures" not in told["payload"] and len(told["payload"]["studies"][0]["trials"]["number"]) == 13
        assert more["version"] == told["version"] + 1 and more["payload"]["figures"] and same is more
        search(opened, 14)
        assert watch.now(whole=True)["payload"]["figures"], "a page that is opened now has all"

    def test_a_full_training_is_a_new_version(self, opened):
        watch = Watch([opened.folder], BOARD)
        before = watch.now()["version"]
        metrics = opened.folder / "retrained" / "3" / "metrics.json"
        metrics.parent.mkdir(parents=True)
        metrics.write_text(json.dumps({"accuracy": 0.7, "facts": {"trial": 3, "proxy_accuracy": 0.5}}))
        assert watch.now()["version"] > before

    def test_what_cannot_be_read_is_told_and_comes_back(self, opened):
        watch = Watch([opened.folder], BOARD)
        watch.now()
        broken = opened.folder / "retrained" / "3" / "metrics.json"
        broken.parent.mkdir(parents=True)
        broken.write_text("{cut off")
        told = watch.now()
        assert "metrics.json: is damaged" in told["error"] and "payload" not in told
        broken.unlink()
        assert "payload" in watch.now()


def test_a_page_without_a_token_is_for_this_machine(opened, served):
    address = served([opened.folder])
    page = get(address)
    assert page.status == 200 and "12 trials" in page.read().decode()
    policy = page.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'sha256-") and "unsafe-inline" not in policy.split(";")[1]
    assert "frame-ancestors 'none'" in policy and page.headers["X-Content-Type-Options"] == "nosniff"
    with pytest.raises(urllib.error.HTTPError, match="403"):
        get(address, Host="evil.example")


def test_elsewhere_it_needs_its_token(opened, served):
    address = served([opened.folder], token="secret")
    for wrong in ("", "?token=no", "_dash-layout"):
        with pytest.raises(urllib.error.HTTPError, match="403"):
            get(address + wrong)
    with pytest.raises(urllib.error.HTTPError, match="302") as moved:
        urllib.request.build_opener(NoRedirect).open(f"{address}?token=secret")
    cookie = moved.value.headers["Set-Cookie"].partition(";")[0]
    assert get(address, Cookie=cookie).status == 200
    assert serving._token("0.0.0.0", None) and serving._token("127.0.0.1", None) is None
    assert serving._token("127.0.0.1", "mine") == "mine"


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """Redirections are answers here."""

    def redirect_request(self, *_):
        return None


def test_a_port_in_use_is_one_line(opened, served):
    port = int(served([opened.folder]).rstrip("/").rpartition(":")[2])
    with pytest.raises(NasError, match=f"127.0.0.1:{port}: the port is in use; choose another one with --port"):
        serving._server([opened.folder], BOARD, "127.0.0.1", port, None)


def test_an_address_of_another_machine_is_one_line(opened):
    with pytest.raises(NasError, match=r"192\.0\.2\.1:0: cannot be served .*; give a --host of this machine"):
        serving._server([opened.folder], BOARD, "192.0.2.1", 0, None)


@pytest.fixture
def page(browser):
    """open(address): a page whose console must not complain."""
    context, complaints = browser.new_context(viewport={"width": 1400, "height": 1000}), []

    def open_page(address):
        page = context.new_page()
        page.on("console", lambda told: complaints.append(told.text) if told.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(address)
        page.wait_for_selector("body[data-ready]", timeout=60_000)
        page.complaints = complaints
        return page

    yield open_page
    context.close()


def trials_told(page):
    return page.inner_text("#lede")


def wait_for(page, text, seconds):
    page.wait_for_function(
        "text => document.querySelector('#lede').textContent.includes(text)", arg=text, timeout=1000 * seconds
    )


def test_new_trials_appear_without_a_reload_and_nothing_is_lost(opened, served, page, shots):
    shown = page(served([opened.folder]))
    assert trials_told(shown).startswith("12 trials")
    figure = "document.querySelector('[data-id] .js-plotly-plot, [data-id].js-plotly-plot')"
    shown.wait_for_function(f"{figure}?._fullLayout", timeout=30_000)
    shown.evaluate(f"Plotly.relayout({figure}, {{'xaxis.range[0]': 0.001, 'xaxis.range[1]': 0.002}})")
    shown.evaluate("location.hash = '#trial-3'")
    shown.wait_for_selector("#details:not([hidden])")
    shown.evaluate("window.untouched = true")
    search(opened, 14)
    began = time.monotonic()
    wait_for(shown, "14 trials", 20)
    assert time.monotonic() - began < 20
    assert shown.evaluate("window.untouched"), "the page was loaded anew"
    found = f"{figure}.data.some((trace) => Array.from(trace.customdata ?? []).some((number) => number >= 12))"
    shown.wait_for_function(found, timeout=20_000)
    assert shown.evaluate(f"{figure}._fullLayout.xaxis.range") == [0.001, 0.002], "the zoom is kept"
    assert "3" in shown.inner_text("#details h2, #details-heading") and "trial" in shown.inner_text("#said")
    shown.screenshot(path=shots / "live.png")
    assert not shown.complaints


def test_a_server_that_is_gone_is_told_and_comes_back_to_mind(opened, browser, page):
    server = serving._server([opened.folder], BOARD, "127.0.0.1", 0, None)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    shown = page(f"http://127.0.0.1:{server.port}/")
    shown.wait_for_function("window.nasDashboard.heard", timeout=20_000)
    server.shutdown()
    server.server_close()
    shown.wait_for_selector("#offline:not([hidden])", timeout=30_000)
    assert "the server does not answer" in shown.inner_text("#offline")
    again = serving._server([opened.folder], BOARD, "127.0.0.1", server.port, None)
    threading.Thread(target=again.serve_forever, daemon=True).start()
    shown.wait_for_selector("#offline", state="hidden", timeout=30_000)
    again.shutdown()
    again.server_close()


def test_several_studies_are_open_at_once(opened, served, page, tmp_path):
    other = searched(tmp_path, 3, name="other")
    shown = page(served([opened.folder, other.folder]))
    assert "12 trials" in trials_told(shown)
    shown.select_option("#study", index=1)
    wait_for(shown, "3 trials", 10)
    assert not shown.complaints


def test_nothing_that_a_study_says_is_run(served, page, tmp_path):
    evil = "<img src=x onerror=document.title='hit'>"
    shown = page(served([searched(tmp_path, 3, name=evil).folder]))
    assert shown.title() == evil and shown.evaluate("document.querySelectorAll('img').length") == 0
    assert not shown.complaints


def test_the_static_page_has_its_policy_and_the_live_one_its_server_s(opened):
    from nas.dashboard.payload import payload

    told = payload([opened], BOARD)
    assert "Content-Security-Policy" in static.render(told)
    assert "Content-Security-Policy" not in static.render(told, live=True)
