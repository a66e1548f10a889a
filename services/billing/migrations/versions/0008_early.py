"""Arrivals that nobody decides about are found by their age."""

from services.kernel.migrate import script

revision = "0008_early"
down_revision = "0007_booking"
branch_labels = None
depends_on = None


def upgrade() -> None:
    script("create index early_reports_by_age on early_reports (noted_at)")
