"""The page while a search runs: a Dash server that looks at the studies' files and sends what has changed.

The browser asks twice a second; the answer is nothing unless a file of a study has another size or time than before, or
its database counts other trials and epochs, so that an idle page costs next to nothing. What has changed is told at
once without its figures, which take longer, and with them when the browser asks again. Whoever may open it is decided
in `nas.dashboard.access`.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dash
from dash import Input, Output, State, dcc, html

from nas import study as studies
from nas.dashboard import static
from nas.dashboard.board import Board
from nas.dashboard.payload import payload
from nas.errors import NasError

EVERY = 500  # milliseconds between two questions of the browser
FILES = ("study.db", "study.db-wal", "study.db-journal", "retrained/*/metrics.json")
Stamp = tuple[tuple[str, int, int], ...]

SHOW = """function(told) {
    if (!told) { return window.dash_clientside.no_update; }
    if (told.error) { window.nasDashboard.offline(told.error); } else { window.nasDashboard.update(told.payload); }
    return told.version;
}"""
BEAT = """function(time) {
    window.nasDashboard.heard = Date.now();
    window.nasDashboard.watch ??= setInterval(() => {
        const silent = Date.now() - window.nasDashboard.heard > 5000;
        if (silent) { window.nasDashboard.offline("the server does not answer; trying again"); }
        if (!silent && window.nasDashboard.silent) { window.nasDashboard.offline(""); }
        window.nasDashboard.silent = silent;
    }, 1000);
    return window.dash_clientside.no_update;
}"""
EMPTY = {"title": "nas dashboard", "studies": [], "figures": [], "sections": []}


class Watch:
    """What some studies look like now; worked out anew only when one of their files has changed."""

    def __init__(self, folders: Sequence[Path], board: Board):
        self.folders, self.board = [Path(folder) for folder in folders], board
        self.lock = threading.Lock()
        self.stamp: Stamp | None = None
        self.version = 0
        self.told: dict[str, Any] = {}
        self.drawn = False  # whether what is told has figures
        self.opened = [studies.open_study(folder) for folder in self.folders]

    def now(self, *, whole: bool = False) -> dict[str, Any]:
        """Version and payload; where the studies cannot be read just now, the last version and an error in words.

        Unless the `whole` is asked for, what has changed since the last call comes without figures at first.
        """
        with self.lock:
            try:
                stamp = self._look()
            except NasError as error:
                return self._away(error)
            if stamp != self.stamp or not self.drawn:
                self.drawn = whole or not self.drawn
                try:
                    told = {"payload": payload(self.opened, self.board, figures=self.drawn)}
                except NasError as error:
                    self.drawn, told = True, {"error": str(error)}
                self.version += 1
                self.stamp, self.told = stamp, {"version": self.version, **told}
            return self.told

    def _away(self, error: NasError) -> dict[str, Any]:
        """What is told while a database does not answer: once, and the page anew when it does."""
        if self.stamp is not None or not self.told:
            self.version += 1
            self.stamp, self.told = None, {"version": self.version, "error": str(error)}
        return self.told

    def _look(self) -> Stamp:
        """Names, sizes and times of all files that a page depends on, and what databases count."""
        found = [(study.storage.where, *study.changes()) for study in self.opened if study.shared]
        for folder in self.folders:
            for pattern in FILES:
                for path in sorted(folder.glob(pattern)):
                    try:
                        about = path.stat()
                    except FileNotFoundError:  # a journal comes and goes
                        continue
                    found.append((str(path), about.st_size, about.st_mtime_ns))
        return tuple(found)


class App(dash.Dash):
    """A Dash app whose page is ours, with the studies as they are at that moment."""

    def __init__(self, watch: Watch):
        super().__init__(
            "nas", title="nas dashboard", update_title=None, serve_locally=True, include_assets_files=False,
            suppress_callback_exceptions=False,
        )  # fmt: skip
        self.watch = watch
        self.layout = html.Div(
            [dcc.Interval("clock", interval=EVERY), dcc.Store("told"), dcc.Store("version"), dcc.Store("beat")]
        )
        self.callback(
            Output("told", "data"), Output("beat", "data"), Input("clock", "n_intervals"), State("version", "data")
        )(self.changed)
        self.clientside_callback(SHOW, Output("version", "data"), Input("told", "data"))
        self.clientside_callback(BEAT, Output("beat", "storage_type"), Input("beat", "data"))

    def changed(self, ticks: int | None, version: int | None) -> tuple[Any, int | None]:
        """What the browser does not know yet, and a sign of life."""
        told = self.watch.now()
        return (dash.no_update if told["version"] == version else told), ticks

    def interpolate_index(self, **parts: str) -> str:
        """The page with the studies as they are now, and Dash's own elements at its end."""
        told = self.watch.now(whole=True)
        page = static.render(told.get("payload") or EMPTY, live=True)
        own = "".join(parts[name] for name in ("css", "app_entry", "config", "scripts", "renderer"))
        head, _, end = page.rpartition("<!--live-->")
        return f"{head}{own}{end}"
