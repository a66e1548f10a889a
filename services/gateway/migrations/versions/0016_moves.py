"""Messages move with fewer writes."""

from services.kernel.migrate import script

revision = "0016_moves"
down_revision = "0015_callbacks"
branch_labels = None
depends_on = None

# An eighth of Meta's indexed id leads to it: whoever uses it compares both. A name that is written twice is found
# twice, and says the same.
WAMIDS = """
alter table message_wamids drop constraint message_wamids_pkey;
create index message_wamids_of_meta on message_wamids (hashtextextended(wamid_index, 0));
"""

# look_at: when its message is looked for again, at twice the age each time.
UNMATCHED = """
drop index unmatched_statuses_age;
alter table unmatched_statuses add column look_at timestamptz not null default now();
create index unmatched_statuses_due on unmatched_statuses (look_at);
"""


def upgrade() -> None:
    for part in (WAMIDS, UNMATCHED):
        script(part)
