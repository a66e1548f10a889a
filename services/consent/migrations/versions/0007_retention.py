"""Days that are over are dropped from every table that is kept by days."""

from services.kernel import migrate, partitions

revision = "0007_retention"
down_revision = "0006_decisions"
branch_labels = None
depends_on = None

# A fact that comes again must meet what it made: 97 days (services/kernel/partitions.py). An entry point is over after
# 4 days, and a referral that comes again opens none.
DAYS_LEAST = {"seen": 97, "decisions": 97, "stops": 97, "ad_referrals": 4}


def upgrade() -> None:
    migrate.script(partitions.drop_function("consent", DAYS_LEAST))
