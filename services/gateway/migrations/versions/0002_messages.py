"""Messages and their states; the dispatch queue with its buckets and pairs."""

from services.kernel import migrate

revision = "0002_messages"
down_revision = "0001_tenants"
branch_labels = None
depends_on = None

# One row a message. Its halves (accepted; cleared, funded, reported) arrive in any order, so all but the key may be
# missing. Each state's time is a column: nine updates of one row are cheaper than nine rows of history.
# States, in the order in which they may only move: services/gateway/messages/states.py.
MESSAGES = """
create table messages (
    tenant_id uuid not null,
    id uuid not null,
    state smallint not null check (state between 0 and 9),
    phone_number_id text,
    person text,
    kind text,
    category text,
    country text,
    lane smallint,
    template_id uuid,
    template_version int,
    position bigint,
    expires_at timestamptz,
    accepted_at timestamptz,
    cleared_at timestamptz,
    funded_at timestamptz,
    sending_at timestamptz,
    unknown_at timestamptz,
    sent_at timestamptz,
    delivered_at timestamptz,
    read_at timestamptz,
    failed_at timestamptz,
    expired_at timestamptz,
    captured_at timestamptz,
    released_at timestamptz,
    called_back_at timestamptz,
    price_micros bigint check (price_micros >= 0),
    currency text,
    error_code int,
    error_reason text,
    wamid_index text,
    wamid bytea,
    primary key (tenant_id, id),
    constraint a_failure_has_a_reason check (state <> 8 or (error_code is not null and error_reason is not null)),
    constraint accepted_whole check (accepted_at is null or num_nulls(
        phone_number_id, person, kind, category, country, lane, position, expires_at) = 0)
) partition by range (id);
create index messages_wamid on messages (tenant_id, wamid_index) where wamid_index is not null;
create table messages_default partition of messages default with (fillfactor = 70);
grant select, insert, update on messages to gateway;
"""

# What never changes: the sealed request, and why consent let it pass or not.
CONTENTS = """
create table message_bodies (
    tenant_id uuid not null,
    id uuid not null,
    body bytea not null,
    primary key (tenant_id, id)
) partition by range (id);
create table message_bodies_default partition of message_bodies default;
create table message_traces (
    tenant_id uuid not null,
    id uuid not null,
    trace jsonb not null,
    primary key (tenant_id, id)
) partition by range (id);
create table message_traces_default partition of message_traces default;
grant select, insert on message_bodies, message_traces to gateway;
"""

# Reports that came before Meta's id of their message was written down, and without our own id.
UNMATCHED_STATUSES = """
create table unmatched_statuses (
    tenant_id uuid not null,
    wamid_index text not null,
    event_id uuid not null,
    report jsonb not null,
    stored_at timestamptz not null default now(),
    primary key (tenant_id, wamid_index, event_id)
);
create index unmatched_statuses_age on unmatched_statuses (stored_at);
grant select, insert, update, delete on unmatched_statuses to gateway;
"""

# Every message that is not sent yet. Only the dispatcher writes here once a message may go.
# held_by: what it waits for ('funding'). call_before: a call may be under way. unknown_since: nobody knows.
DISPATCH_QUEUE = """
create table dispatch_queue (
    message_id uuid primary key,
    tenant_id uuid not null,
    phone_number_id text not null,
    person text not null,
    lane smallint not null,
    position bigint not null,
    due_at timestamptz not null,
    expires_at timestamptz not null,
    held_by text check (held_by in ('funding')),
    republish_at timestamptz not null,
    republished int not null default 0,
    worker uuid,
    lease_until timestamptz,
    attempt int not null default 0,
    call_before timestamptz,
    unknown_since timestamptz,
    constraint a_lease_has_a_worker check ((worker is null) = (lease_until is null)),
    constraint unknown_is_not_sending check (call_before is null or unknown_since is null)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000);
create index dispatch_queue_order on dispatch_queue (phone_number_id, lane, due_at)
    where held_by is null and call_before is null and unknown_since is null;
create index dispatch_queue_pair on dispatch_queue (phone_number_id, person, lane, position)
    where held_by is null and call_before is null and unknown_since is null;
create index dispatch_queue_held on dispatch_queue (republish_at) where held_by is not null;
create index dispatch_queue_expiry on dispatch_queue (expires_at);
create index dispatch_queue_sending on dispatch_queue (call_before) where call_before is not null;
create index dispatch_queue_unknown on dispatch_queue (unknown_since) where unknown_since is not null;
grant select, insert, update, delete on dispatch_queue to gateway;
"""

# Meta's limits: per number (whatsapp-cloud-api 5.1) and per person (5.2). last_status_at proves that reports arrive.
LIMITS = """
create table number_buckets (
    phone_number_id text primary key,
    messages_per_second int not null check (messages_per_second > 0),
    tokens double precision not null,
    refilled_at timestamptz not null default now(),
    last_status_at timestamptz
) with (fillfactor = 50);
create table pairs (
    phone_number_id text not null,
    person text not null,
    tokens double precision not null,
    refilled_at timestamptz not null default now(),
    busy_until timestamptz,
    primary key (phone_number_id, person)
) with (fillfactor = 70);
grant select, insert, update, delete on number_buckets, pairs to gateway;
"""


def upgrade() -> None:
    for part in (MESSAGES, CONTENTS, UNMATCHED_STATUSES, DISPATCH_QUEUE, LIMITS):
        migrate.script(part)
