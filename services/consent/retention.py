"""How long consent keeps what it keeps by days (docs/RETENTION.md)."""

from services.kernel.kafka import tables
from services.kernel.partitions import REPEATED_DAYS

PARTITIONED = tables.PARTITIONED | {"decisions": "uuid7", "stops": "uuid7", "ad_referrals": "time"}
REFERRALS_DAYS = 30  # an entry point is over after four; a month, for people who ask why nothing was charged


def days_kept(decisions_days: int) -> dict[str, int]:
    """The days of each of these tables; `decisions_days` is the operator's choice."""
    return {
        "seen": REPEATED_DAYS,
        "decisions": decisions_days,
        "stops": decisions_days,
        "ad_referrals": REFERRALS_DAYS,
    }
