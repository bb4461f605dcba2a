"""Addresses at which there is no cluster for us: a line within seconds. (A cluster is in test_nodes.)"""

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from nas.cluster import connecting, probe
from nas.cluster.connecting import connected, reached
from nas.errors import NasError


def wrong(address: str, words: str) -> None:
    began = time.monotonic()
    with pytest.raises(NasError, match=words) as caught, connected(address):
        pass
    assert str(caught.value).startswith(f"--address {address}: ") and "; " in str(caught.value)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("address", ["nonsense", "host", "host:", ":6379", "host:0", "host:70000", "http://host:6379"])
def test_what_is_no_address(address):
    wrong(address, "is no address; write HOST:PORT, such as")


def test_an_address_for_clients():
    wrong("ray://127.0.0.1:10001", "the program must run on a node of it; .*ray job submit")


@pytest.fixture
def listener():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        yield one, f"127.0.0.1:{one.getsockname()[1]}"


def test_nobody_answers(listener):
    wrong(listener[1], r"nobody answers there \(connection refused\); start one with `ray start --head`")


def test_a_host_that_is_not_there():
    wrong("no-such-host.invalid:6379", "nobody answers there")


def test_one_that_answers_and_is_something_else(listener):
    one, address = listener
    one.listen()
    threading.Thread(target=lambda: one.accept()[0].sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"), daemon=True).start()
    wrong(address, "what answers there is no Ray cluster")


def test_one_that_takes_the_connection_and_is_silent(listener, monkeypatch):
    monkeypatch.setattr(connecting, "GREETED", 0.5)
    listener[0].listen()
    wrong(listener[1], "what answers there is no Ray cluster")


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"ray": "2.9.0"}, "the cluster has Ray 2.9.0 and Python .*, this program Ray 2.*; install the same on all"),
        ({"python": "3.8.1"}, "the cluster has Ray .* and Python 3.8.1, this program"),
        ({"node": False}, "this machine is no node of that cluster.*`ray start --address=10.0.0.5:6379`"),
        ({"address": ""}, "no Ray cluster runs on this machine; start one"),
        ({"error": "RpcError: refused"}, r"is no Ray cluster \(RpcError: refused\); give the address that"),
        ({"error": "AuthenticationError: token"}, "asks for a token .*; copy ~/.ray/auth_token"),
    ],
)
def test_what_a_cluster_may_say(told, words, monkeypatch):
    import platform

    ray = connecting.imported()
    good = {"address": "10.0.0.5:6379", "ray": ray.__version__, "python": platform.python_version(), "node": True}
    monkeypatch.setattr(probe, "ask", lambda address: good)
    assert reached("auto") == "10.0.0.5:6379"
    monkeypatch.setattr(probe, "ask", lambda address: good | told)
    wrong("auto", words)


def test_a_cluster_that_says_nothing(monkeypatch):
    monkeypatch.setattr(probe, "ANSWERS", 0.01)
    wrong("auto", "is no Ray cluster, or too busy to answer within 0.01 seconds; give the")


def test_without_ray(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    words = r"^--engine ray: Ray is not installed; pip install 'video-nas\[ray\]'"
    with pytest.raises(NasError, match=words), connected():
        pass


def test_ray_waits_for_its_use():
    code = "import sys, nas.cluster.connecting, nas.cluster.nodes, nas.cluster.packs; print('ray' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_a_killed_program_leaves_nothing_of_its_cluster(tmp_path):
    code = """
import os, time
from nas.cluster.connecting import connected
with connected(cpus=1) as address:
    import ray
    assert address == "" and ray.cluster_resources()["CPU"] == 1
    nap = ray.remote(lambda: time.sleep(60)).remote()
    while ray.available_resources().get("CPU"):
        time.sleep(0.05)
    print(os.environ["NAS_OWN_CLUSTER"], flush=True)
    time.sleep(60)
"""
    environment = os.environ | {"HOME": str(tmp_path)}  # Ray keeps a token there
    program = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment)
    mark = f"NAS_OWN_CLUSTER={program.stdout.readline().strip()}"
    assert len(marked(mark)) > 3
    program.kill()
    program.communicate()
    end = time.monotonic() + 15
    while (left := marked(mark)) and time.monotonic() < end:
        time.sleep(0.1)
    assert not left


def marked(mark: str) -> list[str]:
    """The processes with this in their environment."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if mark.encode() in path.read_bytes().split(b"\0"):
                found.append(path.parent.name)
    return found
