"""Holds of any amount, and the recorded sequence of the journal."""

revision = "0005_holds"
down_revision = "0004_cards"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Filled in by its owner."""
