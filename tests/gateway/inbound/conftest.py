"""Inbound messages are told by the delivery loop: the same world."""

from tests.gateway.deliveries.conftest import other_receiver, receiver, world

__all__ = ["other_receiver", "receiver", "world"]
