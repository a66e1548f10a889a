"""Several callback endpoints a tenant, the attempt log, and what was told."""

from services.kernel import migrate

revision = "0006_endpoints"
down_revision = "0005_media"
branch_labels = None
depends_on = None

# The first endpoint is the one of `/v1/callback`; it alone may wait for its URL. An old row keeps its tenant's id
# as its own, under which its secret is sealed. failing_since: the first failure since the last success. rest_until: the
# endpoint asked for a pause. max_updates: facts in one body at most.
ENDPOINTS = """
alter table callback_endpoints
    drop constraint callback_endpoints_pkey,
    add column id uuid,
    add column is_first boolean not null default false,
    add column events text[] check (cardinality(events) > 0),
    add column description text,
    add column max_updates int not null default 100 check (max_updates between 1 and 100),
    add column old_secret bytea,
    add column old_secret_until timestamptz,
    add column disabled_reason text check (disabled_reason in ('gone', 'failing', 'by_tenant')),
    add column failing_since timestamptz,
    add column last_failure_at timestamptz,
    add column rest_until timestamptz,
    add column created_at timestamptz not null default now();
update callback_endpoints set id = tenant_id, is_first = true,
       disabled_reason = case when disabled_at is not null then 'gone' end;
alter table callback_endpoints
    alter column id set not null,
    alter column is_first drop default,
    add primary key (id),
    add constraint only_the_first_waits_for_a_url check (is_first or url is not null),
    add constraint disabled_for_a_reason check ((disabled_at is null) = (disabled_reason is null)),
    add constraint an_old_secret_ends check ((old_secret is null) = (old_secret_until is null)),
    set (fillfactor = 50);
create unique index callback_endpoints_first on callback_endpoints (tenant_id) where is_first;
create index callback_endpoints_of_tenant on callback_endpoints (tenant_id, id);
"""

# One row for each endpoint that is to hear of a fact. `conversation` is what keeps the order of one person's facts.
FACTS = """
drop index callback_facts_in_order;
alter table callback_facts
    drop constraint callback_facts_pkey,
    drop constraint callback_facts_kind_check,
    add column endpoint_id uuid,
    add column topic text,
    add column conversation int generated always as (hashtext(person)) stored;
update callback_facts set endpoint_id = tenant_id, topic = case kind when 'status' then 'statuses' else 'messages' end;
alter table callback_facts
    alter column endpoint_id set not null,
    alter column topic set not null,
    add constraint callback_facts_kind_check check (kind in ('status', 'message', 'platform')),
    add primary key (endpoint_id, event_id);
create index callback_facts_in_order on callback_facts (endpoint_id, sequence);
"""

# conversations: whose facts the body tells; later ones of the same people wait for it.
DELIVERIES = """
drop index callback_deliveries_due;
alter table callback_deliveries
    add column endpoint_id uuid,
    add column conversations int[] not null default '{}';
update callback_deliveries set endpoint_id = tenant_id;
alter table callback_deliveries
    alter column endpoint_id set not null,
    alter column conversations drop default;
create index callback_deliveries_due on callback_deliveries (endpoint_id, due_at) where dead_at is null;
"""

# heads: what was sent and what came back, sealed under the tenant's key. status 0: no answer, and `error` says why.
ATTEMPTS = """
create table callback_attempts (
    id uuid not null,
    endpoint_id uuid not null,
    tenant_id uuid not null,
    delivery_id uuid not null,
    attempt int not null,
    facts int not null,
    tried_at timestamptz not null,
    milliseconds int not null,
    status int not null,
    error text not null,
    address text,
    heads bytea not null,
    primary key (endpoint_id, id)
) partition by range (id);
create table callback_attempts_default partition of callback_attempts default;
grant select, insert on callback_attempts to gateway;
"""

# Facts that were put into a delivery: what a replay queues again.
TOLD = """
create table callback_told (
    endpoint_id uuid not null,
    tenant_id uuid not null,
    event_id uuid not null,
    sequence bigint not null,
    person text not null,
    phone_number_id text not null,
    kind text not null,
    topic text not null,
    subject_id uuid not null,
    occurred_at timestamptz not null,
    content bytea not null,
    told_at timestamptz not null default now()
) partition by range (told_at);
create table callback_told_default partition of callback_told default;
create index callback_told_in_order on callback_told (endpoint_id, told_at);
create index callback_told_of_subject on callback_told (endpoint_id, subject_id);
grant select, insert on callback_told to gateway;
select make_day_partitions('callback_attempts', 'uuid7', 2, 7), make_day_partitions('callback_told', 'time', 2, 7);
"""

# The service's role may not run DDL; this function runs as the owner and drops days of these two tables only.
DROP_OLD_DAYS = """
create function drop_callback_days(parent text, days_kept int) returns int
language plpgsql security definer set search_path = public, pg_temp set lock_timeout = '2s' as $$
declare
    dropped int := 0;
    day record;
begin
    if parent not in ('callback_attempts', 'callback_told') or days_kept < 1 then
        raise exception 'days of % are not dropped', parent;
    end if;
    for day in
        select child.relname as name from pg_inherits join pg_class child on child.oid = inhrelid
         where inhparent = parent::regclass and child.relname ~ ('^' || parent || '_[0-9]{8}$')
           and to_date(right(child.relname, 8), 'YYYYMMDD') < (now() at time zone 'utc')::date - days_kept
    loop
        execute format('drop table %I', day.name);
        dropped := dropped + 1;
    end loop;
    return dropped;
end $$;
revoke execute on function drop_callback_days from public;
grant execute on function drop_callback_days to gateway;
"""


def upgrade() -> None:
    for part in (ENDPOINTS, FACTS, DELIVERIES, ATTEMPTS, TOLD, DROP_OLD_DAYS):
        migrate.script(part)
