"""Tenants, their clients and people, and a Meta that misbehaves; what they see becomes the evidence of a round."""

from tests.chaos.load.load import Load

__all__ = ["Load"]
