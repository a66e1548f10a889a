"""Tenants, their keys, numbers, templates, API keys and idempotency keys; the kernel's tables."""

from services.kernel import migrate
from services.kernel.kafka import tables

revision = "0001_tenants"
down_revision = None

ROLE = "gateway"

TENANTS = """
create table tenants (
    id uuid primary key,
    parent_tenant_id uuid references tenants (id),
    name text not null check (name <> ''),
    class text not null,
    state text not null default 'active' check (state in ('active', 'suspended')),
    zone text not null,
    version integer not null default 1 check (version > 0),
    created_at timestamptz not null default now()
)
"""

# `wrapped` opens only with the KEK; `public_key` is the public half of a box key.
TENANT_KEYS = """
create table tenant_keys (
    id uuid primary key,
    tenant_id uuid not null references tenants (id),
    purpose text not null check (purpose in ('content', 'index', 'box')),
    version integer not null check (version > 0),
    wrapped bytea not null,
    public_key bytea,
    created_at timestamptz not null default now(),
    unique (tenant_id, purpose, version),
    check ((purpose = 'box') = (public_key is not null))
)
"""

NUMBERS = """
create table numbers (
    phone_number_id text primary key check (phone_number_id ~ '^[0-9]{1,32}$'),
    tenant_id uuid not null references tenants (id),
    waba_id text not null check (waba_id ~ '^[0-9]{1,32}$'),
    display_phone_number bytea not null,
    access_token bytea not null,
    state text not null default 'active' check (state in ('active', 'suspended')),
    messages_per_second integer not null check (messages_per_second > 0),
    version integer not null default 1 check (version > 0),
    created_at timestamptz not null default now()
)
"""

# A template's text is the tenant's business text, not personal: it stands in clear.
TEMPLATES = """
create table templates (
    id uuid primary key,
    tenant_id uuid not null references tenants (id),
    waba_id text not null,
    name text not null,
    language text not null,
    category text not null check (category in ('utility', 'authentication', 'marketing')),
    state text not null check (state in ('pending', 'approved', 'rejected', 'paused', 'disabled')),
    version integer not null default 1 check (version > 0),
    body_parameters integer not null check (body_parameters >= 0),
    components jsonb not null,
    created_at timestamptz not null default now(),
    unique (tenant_id, waba_id, name, language)
)
"""

API_KEYS = """
create table api_keys (
    id uuid primary key,
    tenant_id uuid not null references tenants (id),
    key_hash bytea not null unique,
    prefix text not null,
    created_at timestamptz not null default now(),
    revoked_at timestamptz
)
"""

# One unpartitioned table, so that one unique key covers every key's whole life of 72 h.
IDEMPOTENCY_KEYS = """
create table idempotency_keys (
    tenant_id uuid not null,
    key_index text not null,
    fingerprint bytea not null,
    message_id uuid not null,
    lease_until timestamptz not null,
    finished_at timestamptz,
    created_at timestamptz not null default now(),
    primary key (tenant_id, key_index)
) with (fillfactor = 85)
"""

TABLES = (TENANTS, TENANT_KEYS, NUMBERS, TEMPLATES, API_KEYS, IDEMPOTENCY_KEYS)
INDEXES = (
    "create index numbers_of_tenant on numbers (tenant_id)",
    "create index api_keys_of_tenant on api_keys (tenant_id)",
    "create index idempotency_keys_by_age on idempotency_keys (created_at)",
)
GRANTS = (
    f"grant select, insert, update on tenants, numbers, templates, api_keys to {ROLE}",
    f"grant select, insert, update, delete on tenant_keys, idempotency_keys to {ROLE}",
)


def upgrade() -> None:
    tables.install(ROLE)
    migrate.script(";".join((*TABLES, *INDEXES, *GRANTS)))
