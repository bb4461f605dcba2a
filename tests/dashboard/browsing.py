"""What tests of pages wait for in a browser."""

FIRST = "0-made-up"  # the first figure: accuracy over GFLOPs


def drawn(page, figure=FIRST):
    """Waits until a figure is drawn, and brings it in sight."""
    page.locator(f'[data-id="{figure}"]').scroll_into_view_if_needed()
    page.wait_for_selector(f'[data-id="{figure}"] .main-svg')
    page.wait_for_timeout(300)
    return f"document.querySelector('[data-id=\"{figure}\"]')"


def chip(page, text):
    page.wait_for_function("text => document.querySelector('#chip').textContent.includes(text)", arg=text)
