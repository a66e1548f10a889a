"""A queue that parks only what it must."""

revision = "0012_dispatch"
down_revision = "0011_messages"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Filled in by its owner."""
