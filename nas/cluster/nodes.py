"""The nodes of the cluster that Ray is connected to: what they have, and that they run what the driver runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from nas.cluster.failures import line
from nas.cluster.same import Told, check_same, mine
from nas.console import count
from nas.errors import NasError

ANSWERS = 60.0  # seconds: a node that is asked starts a process, maybe among many busy ones
GPUS = {"trial": "--gpus-per-trial {}", "worker": "--device cuda"}  # how they are asked for
SHOWN = 6  # nodes that an error lists


@dataclass(frozen=True)
class Node:
    """A machine, or a part of one, that runs trials; `id` is Ray's."""

    id: str
    name: str
    host: str
    cpus: float
    gpus: float

    def __str__(self) -> str:
        has = [count(round(self.cpus), "CPU"), *([count(round(self.gpus), "GPU")] if self.gpus else [])]
        return f"{self.name} ({', '.join(has)})"

    def places(self, cpus: float, gpus: float) -> int:
        """How many that need so many CPUs and GPUs it holds at once; less than one GPU is a share of one.

        >>> Node("", "a", "a", cpus=16, gpus=2).places(4, 0.4)
        4
        """
        by_cpu = self.cpus / cpus if cpus else math.inf
        by_gpu = math.inf
        if gpus:
            by_gpu = self.gpus // gpus if gpus >= 1 else self.gpus * math.floor(1 / gpus + 1e-9)
        least = min(by_cpu, by_gpu)
        return math.floor(least + 1e-9) if least < math.inf else 1 << 20


def alive() -> list[Node]:
    """The nodes that the cluster has now, by name."""
    import ray

    found = [
        Node(
            id=node["NodeID"],
            name=node.get("NodeName") or node["NodeManagerAddress"],
            host=node["NodeManagerAddress"],
            cpus=node["Resources"].get("CPU", 0.0),
            gpus=node["Resources"].get("GPU", 0.0),
        )
        for node in ray.nodes()
        if node["Alive"]
    ]
    return sorted(found, key=lambda node: (node.name, node.id))


def own_address() -> str:
    """HOST:PORT at which the node of this process takes connections."""
    import ray

    own = ray.get_runtime_context().get_node_id()
    node = next(node for node in ray.nodes() if node["NodeID"] == own)
    return f"{node['NodeManagerAddress']}:{node['NodeManagerPort']}"


def here() -> str:
    """The name of the node that this process runs on; of its host where Ray does not tell."""
    import platform

    try:
        import ray

        own = ray.get_runtime_context().get_node_id()
        return next(node.name for node in alive() if node.id == own)
    except Exception:  # without Ray, or while it ends
        return platform.node()


def beside():
    """Where an actor is placed that this process cannot do without: on its own node."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)


def amount(number: float, noun: str) -> str:
    """A number of things that may be parts of one: '0.5 CPUs', '1 GPU'."""
    return f"{number:g} {noun}{'' if number == 1 else 's'}"


def in_words(nodes: Sequence[Node]) -> str:
    """Their number and what they have: '2 nodes with 16 CPUs and 2 GPUs'."""
    cpus, gpus = (round(sum(column)) for column in ([node.cpus for node in nodes], [node.gpus for node in nodes]))
    also = f" and {count(gpus, 'GPU')}" if gpus else ""
    return f"{count(len(nodes), 'node')} with {count(cpus, 'CPU')}{also}"


def require(nodes: Sequence[Node], *, cpus: float = 1, gpus: float = 0, places: int = 1, what: str = "trial") -> int:
    """How many trials the nodes hold at once, each with so many CPUs and GPUs; NasError where fewer than `places`.

    `what` is run, a trial or a worker, as the options call it: --cpus-per-trial.
    """
    held = sum(node.places(cpus, gpus) for node in nodes)
    if held >= max(places, 1):
        return held
    need = " and ".join(amount(number, name) for number, name in ((cpus, "CPU"), (gpus, "GPU")) if number)
    has = ", ".join(map(str, nodes[:SHOWN])) + (f" and {len(nodes) - SHOWN} more" if len(nodes) > SHOWN else "")
    where, fix = f"--cpus-per-{what} {cpus:g}", "ask for less, or add a node"
    if gpus and not any(node.gpus for node in nodes):
        problem, where = f"no node has a GPU, and a {what} needs {gpus:g}", GPUS[what].format(f"{gpus:g}")
        fix = f"add a node that has one (ray start --num-gpus 1), or leave {GPUS[what].split()[0]} away"
    elif not held:
        problem = f"no node is large enough for one {what}, which needs {need}"
        where = where if not gpus else f"{where} --gpus-per-{what} {gpus:g}"
    else:
        problem = f"{held} of {places} {what}s have room, each of which needs {need}"
        where = f"--workers {places}"
    raise NasError(f"{problem}; the cluster has {has or 'no node'}", where=where, fix=fix)


def check(nodes: Sequence[Node], seconds: float = ANSWERS) -> None:
    """Raise NasError where a node runs another version of this project or its libraries than this process.

    Each is asked by a task that takes no CPU, so that busy nodes answer too. Those that are lost meanwhile are no
    mistake. Nodes that join later are not asked here: their workers are, by `same.check_same`.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy as At

    asked = {}
    for node in nodes:
        task = ray.remote(num_cpus=0, max_retries=0, scheduling_strategy=At(node.id, soft=False))(_look())
        asked[task.remote()] = node
    # None is cancelled: Ray (2.60) ends this process where a task that is cancelled answers at that moment.
    ready, late = ray.wait(list(asked), num_returns=len(asked), timeout=seconds)
    for answer in ready:
        _compare(answer, asked[answer])
    here = {node.id for node in alive()}
    for node in (asked[answer] for answer in late if asked[answer].id in here):
        fix = "end what keeps it busy, or take it out of the cluster: ray stop there"
        raise NasError(f"did not answer within {seconds:g} seconds", where=f"node {node.name}", fix=fix)


def _look():
    """What a node is asked to run: sent by its code, not by its name, since the project may be missing there."""

    def look() -> Told | str:
        try:
            from nas.cluster.same import mine
        except ImportError as error:
            import sys

            return f"cannot import it ({error}; Python is {sys.executable})"
        return mine()

    return look


def _compare(answer, node: Node) -> None:
    import ray

    try:
        told = ray.get(answer)
    except Exception as error:  # of many kinds
        if node.id not in {other.id for other in alive()}:
            return
        fix = "see its logs, or take it out of the cluster: ray stop there"
        raise NasError(f"cannot run a task ({line(error)})", where=f"node {node.name}", fix=fix) from None
    if isinstance(told, str):
        fix = "install video-nas there, in the Python that ran `ray start`"
        raise NasError(told, where=f"node {node.name}", fix=fix)
    check_same(mine(), node.name, told)
