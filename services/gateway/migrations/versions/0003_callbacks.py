"""Callback endpoints, the queue of facts, deliveries and inbound messages."""

from alembic import op

revision = "0003_callbacks"
down_revision = "0002_messages"
branch_labels = None
depends_on = None

CALLBACK_ENDPOINTS = """
create table callback_endpoints (
    tenant_id uuid primary key,
    secret bytea not null,
    secret_hint text not null,
    url text,
    disabled_at timestamptz,
    changed_at timestamptz not null default now(),
    constraint only_a_url_is_disabled check (url is not null or disabled_at is null)
);
"""

# A queue: rows live for milliseconds, or up to seven days while the tenant gives no URL. `sequence` is the order in
# which facts were enqueued; the index on it serves the claim and the pruning.
CALLBACK_FACTS = """
create table callback_facts (
    tenant_id uuid not null,
    event_id uuid not null,
    sequence bigint generated always as identity,
    person text not null,
    phone_number_id text not null,
    kind text not null check (kind in ('status', 'message')),
    subject_id uuid not null,
    occurred_at timestamptz not null,
    content bytea not null,
    enqueued_at timestamptz not null default now(),
    due_at timestamptz not null default now(),
    primary key (tenant_id, event_id)
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000);
"""

# Posts that are under way or wait for another attempt; a delivered one is deleted. A claim moves `due_at` past the
# call's time-out, which is its lease: what a dead worker leaves behind is due again by itself.
CALLBACK_DELIVERIES = """
create table callback_deliveries (
    id uuid primary key,
    tenant_id uuid not null,
    body bytea not null,
    facts int not null check (facts > 0),
    message_ids uuid[] not null,
    attempt int not null default 1,
    last_status int,
    created_at timestamptz not null default now(),
    due_at timestamptz not null,
    dead_at timestamptz
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000);
"""

# Two halves that come in any order: what the person wrote, and the window that it opened.
INBOUND_MESSAGES = """
create table inbound_messages (
    tenant_id uuid not null,
    id uuid not null,
    phone_number_id text not null,
    person text not null,
    kind text,
    wamid_index text,
    content bytea,
    occurred_at timestamptz,
    window_expires_at timestamptz,
    stored_at timestamptz not null default now(),
    primary key (tenant_id, id),
    constraint received_whole check (num_nonnulls(kind, wamid_index, content, occurred_at) in (0, 4)),
    constraint received_or_judged check (content is not null or window_expires_at is not null)
);
"""

# asyncpg takes one statement at a time.
INDEXES = (
    "create index callback_facts_in_order on callback_facts (tenant_id, sequence)",
    "create index callback_deliveries_due on callback_deliveries (tenant_id, due_at) where dead_at is null",
    "create index callback_deliveries_dead on callback_deliveries (dead_at) where dead_at is not null",
)
GRANTS = (
    "grant select, insert, update, delete on callback_endpoints, callback_facts, callback_deliveries to gateway",
    "grant select, insert, update on inbound_messages to gateway",
)


def upgrade() -> None:
    for table in (CALLBACK_ENDPOINTS, CALLBACK_FACTS, CALLBACK_DELIVERIES, INBOUND_MESSAGES):
        op.execute(table)
    for statement in (*INDEXES, *GRANTS):
        op.execute(statement)
