"""Fewer writes for each message: its owners keep what they know of it, and what is looked up lies apart."""

from services.kernel import migrate

revision = "0011_messages"
down_revision = "0010_aliases"
branch_labels = None
depends_on = None

# consent keeps the trace and billing the charge; what was called back stands in `callback_told`.
ELSEWHERE = """
drop table message_traces;
alter table messages drop column captured_at, drop column released_at, drop column called_back_at;
"""

# An index on a column that comes late would make that change of the row write every index of the table anew.
WAMIDS = """
create table message_wamids (
    tenant_id uuid not null,
    wamid_index text not null,
    id uuid not null,
    primary key (tenant_id, wamid_index, id)
) partition by range (id);
create table message_wamids_default partition of message_wamids default;
insert into message_wamids (tenant_id, wamid_index, id)
select tenant_id, wamid_index, id from messages where wamid_index is not null;
grant select, insert on message_wamids to gateway;
drop index messages_wamid;
alter table messages drop column wamid_index;
"""

# reported: the reports of Meta that were applied (services/gateway/messages/states.py), each told in the transaction
# that set its bit. was_*: as the row was before the last move, because an upsert returns only what it became.
REPORTED = """
alter table messages
    add column reported smallint not null default 0,
    add column was_reported smallint not null default 0,
    add column was_state smallint;
"""

# Ours, not the tenant's: an acceptance that is published again says the same.
ORIGIN = "alter table messages add column is_confirmation boolean not null default false"

# Rows that come in one batch move on in one batch: a page keeps room for another version of each of its rows, or the
# version goes to another page and into every index. Contents never change.
ROOM = """
alter table messages_default set (fillfactor = 45);
alter table message_bodies_default set (fillfactor = 100);
alter table message_wamids_default set (fillfactor = 100);
"""


def upgrade() -> None:
    for part in (ELSEWHERE, WAMIDS, REPORTED, ORIGIN, ROOM):
        migrate.script(part)
