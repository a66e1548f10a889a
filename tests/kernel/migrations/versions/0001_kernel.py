"""The kernel's own tables alone."""

from services.kernel.kafka import tables

revision = "0001_kernel"
down_revision = None


def upgrade() -> None:
    tables.install("gateway")
