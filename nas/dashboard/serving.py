"""`nas dashboard --serve`: starts the live page on a port and says where it is."""

from __future__ import annotations

import contextlib
import errno
import logging
import socket
from collections.abc import Sequence
from pathlib import Path

import flask
from rich.console import Console

from nas.console import say
from nas.dashboard import access, static
from nas.dashboard.board import Board
from nas.errors import NasError

PORT = 8050


def serve(folders: Sequence[Path], board: Board, *, host: str, port: int, token: str | None, console: Console) -> None:
    """Serve the studies until Ctrl-C. Raises NasError without Dash, and where the address cannot be used."""
    server = _server(folders, board, host, port, given := _token(host, token))
    where = f"http://{f'[{host}]' if ':' in host else host}:{server.port}/"
    say(console, f"serving {where}{f'?token={given}' if given else ''} (Ctrl-C ends it)")
    with contextlib.suppress(KeyboardInterrupt):  # werkzeug hears most of them itself, and returns
        server.serve_forever()
    server.server_close()
    say(console, "ended")


def _token(host: str, token: str | None) -> str | None:
    """The token to ask for: what is given, a new one where others may reach the page, else none."""
    return token or (None if access.is_loopback(host) else access.new_token())


def _server(folders: Sequence[Path], board: Board, host: str, port: int, token: str | None):
    """A threaded HTTP server that listens, and does not answer yet."""
    try:
        from werkzeug.serving import make_server

        from nas.dashboard.live import App, Watch
    except ImportError as error:
        problem = f"the package {error.name} is not installed, which the live page needs"
        raise NasError(problem, fix="pip install 'video-nas[live]'") from error
    app = App(Watch(folders, board))
    access.guard(app.server, token)
    _protect(app)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.create_server((host, port), family=family) as listening:  # werkzeug would print and leave
            return make_server(host, listening.getsockname()[1], app.server, threaded=True, fd=listening.fileno())
    except OSError as error:
        raise _unusable(host, port, error) from None


def _protect(app) -> None:
    """Scripts of the page and of Dash alone may run, whatever a study's texts hold."""

    allowed = static.policy(static.scripts(), live=True, compiles=True, hashes=app.csp_hashes())

    @app.server.after_request
    def policy(answer: flask.Response) -> flask.Response:
        answer.headers["Content-Security-Policy"] = f"{allowed}; frame-ancestors 'none'"
        answer.headers["X-Content-Type-Options"] = "nosniff"
        answer.headers["Referrer-Policy"] = "no-referrer"
        return answer


def _unusable(host: str, port: int, error: OSError) -> NasError:
    where = f"{host}:{port}"
    if error.errno == errno.EADDRINUSE:
        return NasError("the port is in use", where=where, fix="choose another one with --port, or 0 for a free one")
    told = error.strerror or str(error)
    return NasError(f"cannot be served ({told})", where=where, fix="give a --host of this machine")
