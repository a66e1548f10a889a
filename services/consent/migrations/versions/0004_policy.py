"""Policy rules with citations, approved by two people."""

revision = "0004_policy"
down_revision = "0003_acts"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Filled in by its owner."""
