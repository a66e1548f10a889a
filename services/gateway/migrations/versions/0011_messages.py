"""Fewer writes for each message."""

revision = "0011_messages"
down_revision = "0010_aliases"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Filled in by its owner."""
