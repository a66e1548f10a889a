"""Days that are over are dropped from every table that is kept by days, and other old rows are found by their age."""

from services.kernel import migrate, partitions

revision = "0018_retention"
down_revision = "0017_pressure"
branch_labels = None
depends_on = None

# A fact that comes again must meet what it made: 97 days (services/kernel/partitions.py).
DAYS_LEAST = {
    "seen": 97,
    "messages": 97,
    "message_bodies": 97,
    "message_wamids": 97,
    "callback_attempts": 1,
    "callback_told": 1,
    "callback_log": 1,
}

# An id of what a person wrote says nothing about its time, so these rows are found by when they were stored; those of
# files that are gone, by when that was.
BATCHES = """
create index inbound_messages_by_age on inbound_messages (stored_at);
grant delete on inbound_messages to gateway;
create index media_gone on media (expires_at) where state in ('expired', 'failed', 'deleted');
"""


def upgrade() -> None:
    migrate.script("drop function drop_callback_days(text, int);" + partitions.drop_function("gateway", DAYS_LEAST))
    migrate.script(BATCHES)
