"""How long the gateway keeps what it keeps by days (docs/RETENTION.md)."""

from services.gateway.attempts.service import KEPT_DAYS as ATTEMPTS_DAYS
from services.gateway.messages.service import WAMIDS_DAYS
from services.gateway.told.service import KEPT_DAYS as TOLD_DAYS
from services.gateway.told.service import LOG_DAYS
from services.kernel.partitions import REPEATED_DAYS

PARTITIONED = {
    "seen": "time",
    "messages": "uuid7",
    "message_bodies": "uuid7",
    "message_wamids": "uuid7",
    "callback_attempts": "uuid7",
    "callback_told": "time",
    "callback_log": "time",
}


def days_kept(messages_days: int) -> dict[str, int]:
    """The days of each of these tables; `messages_days` is the operator's choice."""
    return {
        "seen": REPEATED_DAYS,
        "messages": messages_days,
        "message_bodies": messages_days,
        "message_wamids": min(messages_days, WAMIDS_DAYS),
        "callback_attempts": ATTEMPTS_DAYS,
        "callback_told": TOLD_DAYS,
        "callback_log": LOG_DAYS,
    }
