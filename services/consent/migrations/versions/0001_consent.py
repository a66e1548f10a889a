"""Consents with their history, windows, policy rules, decisions."""

from services.kernel.kafka import tables
from services.kernel.migrate import script

revision = "0001_consent"
down_revision = None
branch_labels = None
depends_on = None

# The state of one purpose of one person: a fold over its acts, kept so that it can be joined. The row is also the lock
# under which acts are recorded.
CONSENTS = """
create table consents (
    tenant_id uuid not null,
    person text not null check (length(person) = 64),
    purpose text not null check (purpose in ('service', 'authentication', 'marketing')),
    state text not null default 'unknown' check (state in ('unknown', 'given', 'withdrawn')),
    since timestamptz,
    source text,
    consent_id uuid,
    is_by_person boolean not null default false,
    last_withdrawn_at timestamptz,
    revision bigint not null default 1,
    primary key (tenant_id, person, purpose),
    check (state <> 'given' or consent_id is not null),
    check (state <> 'withdrawn' or last_withdrawn_at is not null)
) with (fillfactor = 85);
"""

# Append-only: the service's role may neither update nor delete. `change` and `consent_id` say which fact the act led
# to when it was recorded, so that a redelivery publishes the same one.
CONSENT_EVENTS = """
create table consent_events (
    tenant_id uuid not null,
    id uuid not null,
    person text not null check (length(person) = 64),
    purpose text not null check (purpose in ('service', 'authentication', 'marketing')),
    act text not null check (act in ('given', 'withdrawn', 'stopped', 'started', 'blocked')),
    source text not null,
    occurred_at timestamptz not null,
    recorded_at timestamptz not null,
    cause uuid,
    evidence bytea,
    change text check (change in ('given', 'withdrawn')),
    consent_id uuid,
    primary key (tenant_id, id),
    check (act <> 'given' or evidence is not null),
    check (change is null or consent_id is not null)
);
create index on consent_events (tenant_id, person, purpose, occurred_at);
create index on consent_events (tenant_id, cause) where cause is not null;
"""

WINDOWS = """
create table windows (
    tenant_id uuid not null,
    phone_number_id text not null,
    person text not null check (length(person) = 64),
    last_inbound_at timestamptz not null,
    expires_at timestamptz not null,
    primary key (tenant_id, phone_number_id, person),
    check (expires_at > last_inbound_at)
) with (fillfactor = 85);
"""

# A rule is never edited: a change is a new version with its own dates. '*' matches everything.
POLICY_RULES = """
create table policy_rules (
    id text not null,
    version int not null check (version > 0),
    tenant_class text not null,
    category text not null check (category in ('service', 'utility', 'authentication', 'marketing', '*')),
    country text not null,
    channel text not null,
    outcome text not null check (outcome in ('allow', 'refuse')),
    valid_from timestamptz not null,
    valid_until timestamptz check (valid_until > valid_from),
    note text not null,
    primary key (id, version)
);
"""
FIRST_RULES = """
insert into policy_rules (id, category, outcome, note, version, tenant_class, country, channel, valid_from)
select new.*, 1, '*', '*', 'whatsapp', timestamptz '2000-01-01 00:00:00+00'
  from (values
    ('advertising-forbidden', 'marketing', 'refuse', 'Forbidden by default: consent alone does not make it lawful.'),
    ('authentication-allowed', 'authentication', 'allow', 'One-time codes to people who agreed.'),
    ('service-allowed', 'service', 'allow', 'Answers inside the window.'),
    ('utility-allowed', 'utility', 'allow', 'Messages about something that the person ordered.')
  ) as new;
"""

# Partitioned by the time in the message's id (UUIDv7), so that a redelivery meets its own row.
DECISIONS = """
create table decisions (
    tenant_id uuid not null,
    message_id uuid not null,
    person text not null,
    phone_number_id text not null,
    kind text not null,
    category text not null,
    country text not null,
    purpose text not null,
    is_cleared boolean not null,
    basis text check (basis in ('consent', 'window')),
    consent_id uuid,
    window_expires_at timestamptz,
    code int,
    reason text,
    trace jsonb not null,
    decided_at timestamptz not null,
    expires_at timestamptz not null,
    primary key (tenant_id, message_id),
    check (is_cleared = (basis is not null)),
    check (is_cleared = (code is null)),
    check ((code is null) = (reason is null))
) partition by range (message_id);
create table decisions_default partition of decisions default;
"""


FIRST_PARTITIONS = "select make_day_partitions('decisions', 'uuid7', 2, 7), make_day_partitions('seen', 'time', 2, 7);"

GRANTS = """
grant select, insert, update on consents, windows to consent;
grant select, insert on consent_events, decisions to consent;
grant select on policy_rules to consent;
"""


def upgrade() -> None:
    tables.install("consent")
    script(CONSENTS + CONSENT_EVENTS + WINDOWS + POLICY_RULES + FIRST_RULES + DECISIONS + FIRST_PARTITIONS + GRANTS)
