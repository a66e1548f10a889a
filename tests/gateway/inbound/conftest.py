"""Inbound messages are told by the delivery loop: the same world."""

from tests.gateway.deliveries.conftest import receiver, world

__all__ = ["receiver", "world"]
