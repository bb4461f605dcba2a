"""What a cluster says of itself, asked by a process of its own: `python -m nas.cluster.probe ADDRESS` prints JSON.

Ray's own client asks an address that does not answer again for ten minutes, in code that no signal reaches; a process
can be ended.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping

ANSWERS = 40.0  # seconds: an answer takes half a one, on a machine with thirty times its work up to twenty


def ask(address: str) -> dict | None:
    """The cluster's `address`, `ray` and `python` versions, whether this machine is a `node` of it; None: no answer.

    The address is empty where `auto` found no cluster; `error` says what went wrong where something else did. `token`
    says whether the cluster asks for one, which Ray shows to an address only where RAY_AUTH_MODE says so.
    """
    told = _run(address, os.environ)
    if told and "AuthenticationError" in told.get("error", "") and "RAY_AUTH_MODE" not in os.environ:
        again = _run(address, {**os.environ, "RAY_AUTH_MODE": "token"})
        return again and {**again, "token": True}
    return told


def _run(address: str, environment: Mapping[str, str]) -> dict | None:
    try:
        command = [sys.executable, "-m", "nas.cluster.probe", address]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=ANSWERS, check=False)
        return json.loads(done.stdout.splitlines()[-1])
    except (subprocess.TimeoutExpired, ValueError, IndexError):
        return None


def _asked(address: str) -> dict:
    from ray._private import services
    from ray._raylet import GcsClient

    found = services.canonicalize_bootstrap_address(address)
    if found is None:
        return {"address": ""}
    client = GcsClient(address=found)
    about = json.loads(client.internal_kv_get(b"CLUSTER_METADATA", namespace=b"cluster"))
    nodes = client.get_all_node_info(timeout=ANSWERS)
    here = set(services.find_node_ids())
    return {
        "address": found,
        "ray": about["ray_version"],
        "python": about["python_version"],
        "node": any(node.hex() in here for node in nodes),
    }


if __name__ == "__main__":
    try:
        answer = _asked(sys.argv[1])
    except Exception as error:  # noqa: BLE001  (told in the answer)
        answer = {"error": f"{type(error).__name__}: {error}".splitlines()[0]}
    print(json.dumps(answer))
