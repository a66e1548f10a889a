"""A queue that parks only what it must, and callbacks that are written once."""

from services.kernel import migrate

revision = "0012_dispatch"
down_revision = "0011_messages"
branch_labels = None
depends_on = None

# full_at: when the pair's bucket is full again, so a pair that is not here is a full one and nothing opens or refills
# it. message_id: who had the pair's latest turn; its queue row says whether that turn is over.
PAIRS = """
drop table pairs;
create table pairs (
    phone_number_id text not null,
    person text not null,
    full_at timestamptz not null,
    message_id uuid not null,
    primary key (phone_number_id, person)
) with (fillfactor = 70);
grant select, insert, update, delete on pairs to gateway;
"""

# The rate is the number's own. That its reports arrive stands apart, so that those who write it down wait for no claim.
# Until these moments nothing of the number goes, or nothing of its mailings.
BUCKETS = """
alter table number_buckets
    drop column messages_per_second,
    drop column last_status_at,
    add column parked_until timestamptz,
    add column bulk_parked_until timestamptz;
create table number_reports (
    phone_number_id text primary key,
    last_status_at timestamptz not null
) with (fillfactor = 50);
grant select, insert, update, delete on number_reports to gateway;
"""

# An eighth of a person's index leads to it as well; whoever uses it compares both.
QUEUE = """
drop index dispatch_queue_pair;
create index dispatch_queue_pair on dispatch_queue (phone_number_id, hashtextextended(person, 0), lane, position)
    where held_by is null and call_before is null and unknown_since is null;
"""


def upgrade() -> None:
    for part in (PAIRS, BUCKETS, QUEUE):
        migrate.script(part)
