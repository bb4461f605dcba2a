"""A real Ray cluster of several nodes on this machine: each a `ray start --block` of its own that can be killed.

    with cluster(cpus=0) as nodes:                     # the head, which has no work to do
        second = nodes.add(cpus=1, env={"NAS_CACHE": "/tmp/other"})
        ...                                            # nas search --engine ray --address nodes.address
        nodes.kill(second)                             # SIGKILL of all its processes, at once

Every process of a node carries a mark in its environment, by which it is found wherever it was moved to.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

MARK = "NAS_TESTED_NODE"
STARTED = 60.0  # seconds in which a node is up
# A head finds out in two or three seconds that a node is gone, not in fifteen.
WATCHFUL = {
    "RAY_health_check_initial_delay_ms": "2000", "RAY_health_check_period_ms": "700",
    "RAY_health_check_timeout_ms": "2000", "RAY_health_check_failure_threshold": "3",
}  # fmt: skip
# Else nodes that start after a local cluster of this user was there would need its token.
OPEN = {"OMP_NUM_THREADS": "1", "RAY_AUTH_MODE": "disabled"}
_numbers = itertools.count()


@dataclass(frozen=True)
class Node:
    """One `ray start`; `name` is also a resource of it, of which it has 1,000, so that work can be sent there."""

    name: str
    mark: str
    process: subprocess.Popen
    log: Path

    def pids(self) -> list[int]:
        """All processes of it that live, those that lost their parents too."""
        return [pid for pid in _all_pids() if _marked(pid, self.mark)]

    def named(self, *words: str) -> list[int]:
        """Those whose title or command has one of the words, such as raylet, or ray::train of a busy worker."""
        return [pid for pid in self.pids() if any(word in _command(pid) for word in words)]


class Cluster:
    """The nodes of a cluster; the first is its head."""

    def __init__(self, folder: Path):
        self.folder, self.nodes, self.port = folder, [], _free_port()

    @property
    def address(self) -> str:
        """Where it answers."""
        return f"127.0.0.1:{self.port}"

    def add(
        self, *, cpus: int = 1, gpus: int = 0, name: str = "", env: Mapping[str, str] | None = None,
        hidden: Sequence[Path] = (), resources: Mapping[str, float] | None = None,
    ) -> Node:  # fmt: skip
        """Start a node and wait until it is up; of `hidden` folders it sees nothing (needs root: see `can_hide`)."""
        name = name or ("head" if not self.nodes else f"node{len(self.nodes)}")
        mark, place = f"{os.getpid()}-{next(_numbers)}-{name}", self.folder / name
        place.mkdir()
        log = place / "log"
        around = {**os.environ, **OPEN, **WATCHFUL, **(env or {}), MARK: mark}
        around.pop("RAY_ADDRESS", None)
        command = self._command(place, name, cpus, gpus, resources or {})
        with log.open("w") as out:
            process = subprocess.Popen(
                _hiding(hidden, command), env=around, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                start_new_session=True,
            )  # fmt: skip
        node = Node(name, mark, process, log)
        self.nodes.append(node)
        _wait_for("Ray runtime started", node)
        return node

    def _command(self, place: Path, name: str, cpus: int, gpus: int, resources: Mapping[str, float]) -> list[str]:
        to = [f"--address={self.address}"]
        if not self.nodes:
            to = ["--head", f"--port={self.port}", "--include-dashboard=false"]
            to += [f"--ray-client-server-port={_free_port()}"]
        return [
            *(sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--disable-usage-stats", *to),
            *(f"--num-cpus={cpus}", f"--num-gpus={gpus}", f"--node-name={name}", f"--temp-dir={place}"),
            *("--min-worker-port=0", "--max-worker-port=0", f"--dashboard-agent-listen-port={_free_port()}"),
            *(f"--object-store-memory={100 << 20}", f"--resources={json.dumps({name: 1000, **resources})}"),
        ]

    def kill(self, node: Node) -> None:
        """SIGKILL of all processes of a node, as if its power failed."""
        for _ in range(50):
            living = node.pids()
            if not living:
                break
            for pid in living:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)
        node.process.wait()
        if node in self.nodes:
            self.nodes.remove(node)

    def end(self) -> None:
        """Kill all that is left of it."""
        for node in reversed(list(self.nodes)):
            self.kill(node)


@contextmanager
def cluster(**head) -> Iterator[Cluster]:
    """A cluster whose head is started with these arguments of `Cluster.add`; killed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="nr", dir="/tmp"))  # short: paths of sockets have 107 characters
    one = Cluster(folder)
    try:
        one.add(**head)
        yield one
    finally:
        one.end()
        shutil.rmtree(folder, ignore_errors=True)


def can_hide() -> bool:
    """Whether nodes can be kept from seeing folders here."""
    try:
        return subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _hiding(folders: Sequence[Path], command: list[str]) -> list[str]:
    """The command, in a namespace where other folders are mounted over these."""
    if not folders:
        return command
    mounts = " && ".join('mount -t tmpfs none "$' + str(i) + '"' for i in range(1, len(folders) + 1))
    script = f'{mounts} && shift {len(folders)} && exec "$@"'
    return ["unshare", "-m", "sh", "-c", script, "sh", *map(str, folders), *command]


def _wait_for(words: str, node: Node) -> None:
    end = time.monotonic() + STARTED
    while words not in (told := node.log.read_text(errors="replace")):
        assert node.process.poll() is None, f"ray start of {node.name} ended: {told}"
        assert time.monotonic() < end, f"ray start of {node.name} takes too long: {told}"
        time.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def _all_pids() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def _marked(pid: int, mark: str) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return state != "Z" and f"{MARK}={mark}\0".encode() in Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:  # ended meanwhile
        return False


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""
