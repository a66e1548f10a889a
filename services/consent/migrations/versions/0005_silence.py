"""Silence after a STOP, and its one confirmation."""

revision = "0005_silence"
down_revision = "0004_policy"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Filled in by its owner."""
