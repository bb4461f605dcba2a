"""How workers on several hosts meet: over the network that Ray uses.

Left to itself, gloo asks for the address of its host's name, which on many systems is one that no other host reaches.
"""

from __future__ import annotations

import os

from ray.train.torch import TorchConfig

TorchBackend = TorchConfig().backend_cls


class Meeting(TorchConfig):
    """Ray Train's setup of torch's process group, after each worker has chosen its network."""

    @property
    def backend_cls(self):
        return _Backend


class _Backend(TorchBackend):
    def on_start(self, worker_group, backend_config) -> None:
        worker_group.execute(_choose_network)
        super().on_start(worker_group, backend_config)


def _choose_network() -> None:
    """Name the network interface that has this node's address, unless the user's environment names one."""
    import ray

    try:
        import psutil  # Ray brings one
    except ImportError:
        return
    own = ray.util.get_node_ip_address()
    for name, addresses in psutil.net_if_addrs().items():
        if any(address.address == own for address in addresses):
            os.environ.setdefault("GLOO_SOCKET_IFNAME", name)
