"""A tenant's own words for STOP and START."""

revision = "0013_keywords"
down_revision = "0012_dispatch"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Filled in by its owner."""
