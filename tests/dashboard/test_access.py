"""Who may open the live page."""

import flask
import pytest

from nas.dashboard import access


def client(token):
    server = flask.Flask("test")
    server.add_url_rule("/", "page", lambda: "the page")
    server.add_url_rule("/_dash-update-component", "data", lambda: "data", methods=["POST"])
    access.guard(server, token)
    return server.test_client()


@pytest.mark.parametrize("host", ["127.0.0.1:8050", "localhost", "[::1]:9"])
def test_loopback_needs_no_token(host):
    assert client(None).get("/", headers={"Host": host}).text == "the page"


@pytest.mark.parametrize(
    "host", ["evil.example:8050", "192.168.0.7", "127.0.0.1.evil.example", "localhost.evil.example"]
)
def test_another_site_s_name_does_not_reach_it(host):
    for answer in (client(None).get("/", headers={"Host": host}),
                   client(None).post("/_dash-update-component", headers={"Host": host})):  # fmt: skip
        assert answer.status_code == 403 and "this machine alone" in answer.text


def test_the_token_is_asked_for_once():
    browser = client("secret")
    assert browser.get("/").status_code == 403 and "token" in browser.get("/").text
    assert browser.get("/?token=wrong").status_code == 403
    moved = browser.get("/?token=secret")
    assert moved.status_code == 302 and "token" not in moved.headers["Location"]
    cookie = moved.headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
    assert browser.get("/").text == "the page" and browser.post("/_dash-update-component").text == "data"


def test_no_request_passes_without_it():
    assert client("secret").post("/_dash-update-component").status_code == 403
    assert client("secret").get("/", headers={"Cookie": f"{access.COOKIE}=wrong"}).status_code == 403
    assert client("sécret").get("/?token=sécret").status_code == 302, "any letters"


def test_tokens_are_new_each_time():
    assert len({access.new_token() for _ in range(50)}) == 50 and len(access.new_token()) >= 32
