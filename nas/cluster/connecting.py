"""A Ray cluster, reached or started: one that exists, at an address, or one of this machine that ends with the program.

Whatever goes wrong is one line within seconds: an address is looked at before Ray is, which tries for ten minutes.
"""

from __future__ import annotations

import logging
import os
import platform
import re
import signal
import socket
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress

from nas.cluster import nodes, probe
from nas.cluster.pulse import felt
from nas.cluster.reaper import reaped
from nas.errors import NasError

ADDRESS = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^\s:/\[\]]+):(\d{1,5})")
REACHED = 4.0  # seconds in which a host takes a connection
GREETED = 10.0  # seconds in which a head answers, which may be busy
# What gRPC servers, Ray's among them, answer to their clients' first words: settings (frame type 4) on stream 0.
GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # else a warning for every worker without a GPU
    "RAY_DEDUP_LOGS": "1",
    "RAY_DEDUP_LOGS_SKIP_REGEX": "(?s).*",  # what Ray prints of workers that died is told by us, in a line
    "RAY_TQDM": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",  # workers keep the driver's folder, to which paths of recipes are relative
}
MODE = "RAY_AUTH_MODE"  # whether Ray's programs show and ask for a token
START_ONE = "start one with `ray start --head`, or leave --address away for a cluster of this machine alone"


@contextmanager
def connected(address: str = "", *, cpus: int | None = None, gpus: int | None = None) -> Iterator[str]:
    """Within it, Ray is connected to the cluster at `address` (HOST:PORT, or auto), which is given; else to a new one.

    Without an address, that in Ray's own variable RAY_ADDRESS (set for submitted jobs) counts, else a cluster of this
    machine is started, with `cpus` and `gpus` (default: those there are), and ended. Raises NasError where Ray is not
    installed, nobody answers there, what answers is no Ray or another version, or this machine is no node of it.
    """
    ray = imported()
    mode = os.environ.get(MODE)
    named = asked(address)
    found = reached(named) if named else ""
    before = signal.getsignal(signal.SIGTERM)
    with nullcontext() if found else reaped():
        try:
            _init(ray, found, cpus, gpus)
            _heard_again(before)
            with felt(ray.get_runtime_context().gcs_address, nodes.own_address()):
                yield found
        finally:
            ray.shutdown()
            _heard_again(before)
            _ask_as_before(mode)


def asked(address: str) -> str:
    """The address that counts, or nothing where a cluster of this machine is to be started."""
    named = address or os.environ.get("RAY_ADDRESS", "")
    return "" if named == "local" else named


def imported():
    """The module ray, with what keeps it quiet set; raises NasError where it is not installed."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"ray(\.|$)")
    try:
        import ray
    except ImportError:
        fix = "pip install 'video-nas[ray]', or leave --engine ray away"
        raise NasError("Ray is not installed", where="--engine ray", fix=fix) from None
    ray._private.worker._worker_logs_enabled = False  # paragraphs on every node that is lost; we say it in a line
    return ray


def reached(address: str) -> str:
    """HOST:PORT of the cluster at `address`, which answers, is of this version, and has this machine for a node."""
    where = f"--address {address}"
    if address != "auto":
        _check_host(address, where)
    told = probe.ask(address)
    if told and "AuthenticationError" in told.get("error", ""):
        fix = "copy ~/.ray/auth_token of its head to this user's, and set RAY_AUTH_MODE=token"
        raise NasError("the cluster asks for a token that this program does not have", where=where, fix=fix)
    if told is None or "error" in told:
        why = f" ({told['error']})" if told else f", or too busy to answer within {probe.ANSWERS:g} seconds"
        raise NasError(f"what answers there is no Ray cluster{why}", where=where, fix=_HEAD)
    if not told["address"]:
        raise NasError("no Ray cluster runs on this machine", where=where, fix=START_ONE)
    _check_versions(told, where)
    if not told["node"]:
        problem = "this machine is no node of that cluster, and the program must run on one"
        fix = f"join it with `ray start --address={told['address']}`, or hand the command over with `ray job submit`"
        raise NasError(problem, where=where, fix=fix)
    if told.get("token"):
        _show_token()
    return told["address"]


_HEAD = "give the address that `ray start --head` printed (port 6379 if none was given), or auto on a node of it"


def _check_host(address: str, where: str) -> None:
    """Raise NasError unless somebody answers there who speaks Ray's protocol."""
    if address.startswith("ray://"):
        problem = "is for Ray's clients outside of a cluster, and the program must run on a node of it"
        fix = "run it there with --address auto, or hand the command over with `ray job submit`"
        raise NasError(problem, where=where, fix=fix)
    match = ADDRESS.fullmatch(address)
    if not match or not 0 < int(match[2]) < 65536:
        raise NasError("is no address", where=where, fix="write HOST:PORT, such as 10.0.0.5:6379, or auto")
    host, port = match[1].strip("[]"), int(match[2])
    try:
        with socket.create_connection((host, port), timeout=REACHED) as talk:
            if not _speaks(talk):
                raise NasError("what answers there is no Ray cluster", where=where, fix=_HEAD)
    except OSError as error:
        why = error.strerror or "no answer"
        fix = "check the name, or give its IP address" if isinstance(error, socket.gaierror) else START_ONE
        raise NasError(f"nobody answers there ({why.lower()})", where=where, fix=fix) from None


def _speaks(talk: socket.socket) -> bool:
    """Whether a server of Ray's protocol is at the other end; with TLS it shows itself later."""
    if os.environ.get("RAY_USE_TLS", "0") != "0":
        return True
    talk.settimeout(GREETED)
    talk.sendall(GREETING)
    try:
        first = talk.recv(9, socket.MSG_WAITALL)
    except OSError:  # took the connection, and says nothing
        return False
    return len(first) == 9 and first[3] == 4


def _check_versions(told: dict, where: str) -> None:
    import ray

    ours = {"Ray": ray.__version__, "Python": platform.python_version()}
    theirs = {"Ray": told["ray"], "Python": told["python"]}
    if ours != theirs:
        have, has = (" and ".join(f"{name} {number}" for name, number in each.items()) for each in (ours, theirs))
        problem = f"the cluster has {has}, this program {have}"
        raise NasError(problem, where=where, fix="install the same on all machines")


def _show_token() -> None:
    """Let Ray send this user's token; where it was imported already, it has read its settings."""
    os.environ[MODE] = "token"
    from ray._raylet import Config

    Config.initialize("")


def _ask_as_before(mode: str | None) -> None:
    """Take back what Ray says of tokens once it had a cluster: from one without, it would get no worker at all."""
    if os.environ.get(MODE) == mode:
        return
    os.environ.pop(MODE) if mode is None else os.environ.update({MODE: mode})
    from ray._raylet import Config

    Config.initialize("")


def _init(ray, found: str, cpus: int | None, gpus: int | None) -> None:
    """ray.init, whose errors of many lines become one."""
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    try:
        if found:
            ray.init(address=found, **quiet)
        else:
            ray.init(address="local", include_dashboard=False, num_cpus=cpus, num_gpus=gpus, **quiet)
    except NasError:
        raise
    except Exception as error:  # of whatever kind: Ray raises many
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        problem = f"Ray does not start: {lines[0] if lines else type(error).__name__}"
        fix = "free some space in /tmp, or see /tmp/ray/session_latest/logs"
        if found:
            problem, fix = problem.replace("start", "connect", 1), _HEAD
        raise NasError(problem, where="--engine ray", fix=fix) from error


def _heard_again(before) -> None:
    """Give SIGTERM its handler back: Ray puts one of its own in its place."""
    if threading.current_thread() is threading.main_thread():
        with suppress(TypeError):  # a handler that was not set from Python
            signal.signal(signal.SIGTERM, before)
