"""Acts of people beyond STOP and START, merged aliases, entry points."""

revision = "0003_acts"
down_revision = "0002_aliases"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Filled in by its owner."""
