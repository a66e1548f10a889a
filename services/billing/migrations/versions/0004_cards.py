"""Cards, top-ups and credit limits under the eyes of two people."""

revision = "0004_cards"
down_revision = "0003_second_card"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Filled in by its owner."""
