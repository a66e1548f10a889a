"""A STOP comes in as any message: the deliveries' world."""

from tests.gateway.deliveries.conftest import receiver, world

__all__ = ["receiver", "world"]
