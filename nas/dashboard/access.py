"""Who may open the live page: whoever sits at this machine, and from elsewhere only who has the token.

A page on loopback answers only requests that were sent to a name of loopback, so that no other site can reach it
through the browser (DNS rebinding). Anywhere else a token is asked for once and then kept in a cookie.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
from urllib.parse import urlsplit

import flask

COOKIE = "nas_dashboard"
DENIED = "this page needs the token that nas dashboard --serve printed: open the whole address, with ?token=...\n"
ELSEWHERE = "this page is for this machine alone: open it as http://127.0.0.1 or http://localhost\n"


def is_loopback(host: str) -> bool:
    """Whether an address or name means this machine alone.

    >>> [is_loopback(host) for host in ("127.0.0.1", "localhost", "::1", "0.0.0.0", "example.org")]
    [True, True, True, False, False]
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def new_token() -> str:
    """A token that nobody guesses."""
    return secrets.token_urlsafe(24)


def guard(server: flask.Flask, token: str | None) -> None:
    """Let the server answer only who may ask: with the `token`, or without one, requests to loopback."""

    @server.before_request
    def check() -> flask.Response | None:
        request = flask.request
        if token is None:
            name = urlsplit(f"//{request.host}").hostname or ""
            return None if is_loopback(name) else _refused(ELSEWHERE)
        if _same(request.args.get("token"), token):
            answer = flask.redirect(request.path)
            answer.set_cookie(COOKIE, token, httponly=True, samesite="Strict")
            return answer
        return None if _same(request.cookies.get(COOKIE), token) else _refused(DENIED)


def _same(given: str | None, token: str) -> bool:
    return given is not None and hmac.compare_digest(given.encode(), token.encode())


def _refused(why: str) -> flask.Response:
    return flask.Response(why, status=403, mimetype="text/plain")
