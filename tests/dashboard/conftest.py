"""A real browser for tests of pages: Debian's chromium, driven by playwright.

Where it is missing, tests say so and are skipped; in CI (the environment variable CI) they fail.
"""

import os
import shutil
from pathlib import Path

import pytest

CHROMIUM = "/usr/bin/chromium"


@pytest.fixture(scope="session")
def browser():
    """One chromium for all tests of a process."""
    missing = _missing()
    if missing and os.environ.get("CI"):
        pytest.fail(missing, pytrace=False)
    if missing:
        pytest.skip(missing)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def _missing():
    try:
        import playwright  # noqa: F401
    except ImportError:
        return "tests of pages need playwright: pip install playwright"
    return "" if shutil.which(CHROMIUM) else f"tests of pages need {CHROMIUM}: apt-get install chromium"


@pytest.fixture
def shots(tmp_path):
    """The folder for screenshots: NAS_SCREENSHOTS, which keeps them, or one that pytest forgets."""
    folder = Path(os.environ.get("NAS_SCREENSHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def opened(browser, tmp_path):
    """open(html, width=..., scheme=...): a page of that text, which fails the test where its console complains."""
    contexts, complaints, asked = [], [], []

    def open_page(html, *, width=1400, height=1000, scheme="light", **more):
        path = tmp_path / f"page-{len(contexts)}.html"
        path.write_text(html, encoding="utf-8")
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme, **more)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda told: complaints.append(told.text) if told.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri())
        page.wait_for_selector("body[data-ready]", timeout=60_000)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not complaints
    assert not [url for url in asked if not url.startswith(("file:", "blob:", "data:"))]
