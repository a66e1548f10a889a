"""What faults strike: a running stack and the links between its parts."""

from dataclasses import dataclass

from deploy.local.stack import Stack
from tests.chaos.links.links import Links


@dataclass(frozen=True)
class Ground:
    """One stack whose parts talk through links."""

    stack: Stack
    links: Links
