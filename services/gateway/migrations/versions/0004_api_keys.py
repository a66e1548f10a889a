"""API keys with scopes, networks, dates and modes; a tenant's test twin."""

from services.kernel import migrate

revision = "0004_api_keys"
down_revision = "0003_callbacks"
branch_labels = None
depends_on = None

# A tenant of the class `test` is the twin of its parent; what belongs to it has its mode, by foreign key.
TENANTS = """
alter table tenants
    add column mode text not null generated always as (case when class = 'test' then 'test' else 'live' end) stored,
    add constraint tenants_mode unique (id, mode),
    add constraint tenants_twin_has_parent check (class <> 'test' or parent_tenant_id is not null);
create unique index tenants_one_twin on tenants (parent_tenant_id) where class = 'test'
"""

# `registered_at`: when the sandbox was last told of a test number.
NUMBERS = """
alter table numbers
    add column mode text not null default 'live',
    add column registered_at timestamptz,
    add constraint numbers_mode foreign key (tenant_id, mode) references tenants (id, mode);
create index numbers_of_test on numbers (registered_at nulls first) where mode = 'test'
"""

# The first keys may do everything; later ones say what they may.
API_KEYS = """
alter table api_keys
    add column name text not null default 'first key' check (name <> ''),
    add column mode text not null default 'live',
    add column scopes text[] not null default array['messages:send', 'messages:read', 'media', 'account:read',
        'account:write', 'consents', 'callbacks', 'billing', 'keys'] check (cardinality(scopes) > 0),
    add column networks cidr[] not null default '{}',
    add column valid_from timestamptz,
    add column valid_until timestamptz,
    add column rate_per_second integer check (rate_per_second > 0),
    add column last_used_at timestamptz,
    add column replaced_by uuid references api_keys (id),
    add constraint api_keys_dates check (valid_until > valid_from),
    add constraint api_keys_mode foreign key (tenant_id, mode) references tenants (id, mode),
    add constraint api_keys_test_manages_none check (mode = 'live' or not 'keys' = any (scopes));
alter table api_keys alter column name drop default, alter column scopes drop default, alter column mode drop default
"""


def upgrade() -> None:
    migrate.script(";".join((TENANTS, NUMBERS, API_KEYS)))
