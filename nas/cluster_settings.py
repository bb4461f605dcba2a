"""Settings of searches and trainings on a Ray cluster; they decide no result, and may change at any time."""

from __future__ import annotations

from typing import Literal

from nas.schema import Settings


class ClusterSettings(Settings):
    """How the nodes of a Ray cluster get what they train on, and where they leave what they do."""

    # how a node comes by a pack that it does not see at the driver's path: copy (over the network, once a node), build
    # (it lists and decodes the videos itself, once) or shared (it must see it there: anything else is an error)
    packs: Literal["copy", "shared", "build"] = "copy"
    # a folder that all nodes see, for checkpoints of trials in training; empty: the study's own folder
    storage: str = ""
