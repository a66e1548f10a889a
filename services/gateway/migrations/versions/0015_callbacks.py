"""Callback facts are written once, a batch of a tenant's a row, and what waits or was told points at them."""

from services.kernel.migrate import script

revision = "0015_callbacks"
down_revision = "0014_queue"
branch_labels = None
depends_on = None

# facts: the JSON of services/gateway/callbacks/bundles.py. Most of it is sealed, so it does not compress.
LOG = """
create sequence callback_sequence;
create table callback_log (
    tenant_id uuid not null,
    sequence bigint not null,
    made_at timestamptz not null default now(),
    facts bytea not null,
    primary key (tenant_id, sequence, made_at)
) partition by range (made_at);
alter table callback_log alter column facts set storage external;
create table callback_log_default partition of callback_log default;
grant select, insert on callback_log to gateway;
grant usage on sequence callback_sequence to gateway;
"""

# What an endpoint has not heard of a bundle. places: which of its facts; null: all. facts: how many. conversations:
# the people of the facts that are left, once a worker has read the bundle. is_again: asked for by a replay.
QUEUE = """
create table callback_queue (
    endpoint_id uuid not null,
    is_again boolean not null,
    sequence bigint not null,
    tenant_id uuid not null,
    made_at timestamptz not null default now(),
    facts int not null check (facts > 0),
    places smallint[],
    conversations int[],
    primary key (endpoint_id, is_again, sequence)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000);
grant select, insert, update, delete on callback_queue to gateway;
"""

# A row for each delivery: the facts in it, by their bundles and places, and what each of them speaks of. made_at: that
# of its oldest bundle.
TOLD = """
alter table callback_told rename to callback_told_before;
alter table callback_told_default rename to callback_told_before_default;
alter index callback_told_in_order rename to callback_told_before_in_order;
alter index callback_told_of_subject rename to callback_told_before_of_subject;
do $$
declare
    day record;
begin
    for day in
        select child.relname as name from pg_inherits join pg_class child on child.oid = inhrelid
         where inhparent = 'callback_told_before'::regclass and child.relname ~ '^callback_told_[0-9]{8}$'
    loop
        execute format('alter table %I rename to %I', day.name, replace(day.name, 'told', 'told_before'));
    end loop;
end $$;
create table callback_told (
    endpoint_id uuid not null,
    tenant_id uuid not null,
    delivery_id uuid not null,
    told_at timestamptz not null default now(),
    is_again boolean not null,
    made_at timestamptz not null,
    sequences bigint[] not null,
    places smallint[] not null,
    subject_ids uuid[] not null
) partition by range (told_at);
create table callback_told_default partition of callback_told default;
create index callback_told_in_order on callback_told (endpoint_id, told_at) where not is_again;
create index callback_told_of_subjects on callback_told using gin (subject_ids) with (gin_pending_list_limit = 256);
grant select, insert on callback_told to gateway;
select make_day_partitions('callback_log', 'time', 14, 7), make_day_partitions('callback_told', 'time', 10, 7);
"""

# What waits or was told becomes a bundle of its own.
MOVE = """
insert into callback_log (tenant_id, sequence, made_at, facts)
select tenant_id, sequence, made_at,
       convert_to(json_build_array(json_build_array(
           event_id, subject_id, hashtext(person), kind, topic, phone_number_id,
           cast(floor(extract(epoch from occurred_at)) as bigint), cast(convert_from(content, 'UTF8') as json)
           ))::text, 'UTF8')
  from (select tenant_id, sequence, enqueued_at, event_id, subject_id, person, kind, topic, phone_number_id,
               occurred_at, content from callback_facts
        union all
        select tenant_id, sequence, told_at, event_id, subject_id, person, kind, topic, phone_number_id,
               occurred_at, content from callback_told_before)
       as old (tenant_id, sequence, made_at, event_id, subject_id, person, kind, topic, phone_number_id,
               occurred_at, content);
insert into callback_queue (endpoint_id, is_again, sequence, tenant_id, made_at, facts)
select endpoint_id, false, sequence, tenant_id, enqueued_at, 1 from callback_facts;
insert into callback_told (endpoint_id, tenant_id, delivery_id, told_at, is_again, made_at, sequences, places,
                           subject_ids)
select endpoint_id, tenant_id,
       coalesce((select delivery.id from callback_deliveries delivery
                  where delivery.endpoint_id = told.endpoint_id and delivery.created_at = told.told_at
                    and told.subject_id = any (delivery.message_ids) limit 1), event_id),
       told_at, row_number() over (partition by endpoint_id, event_id order by told_at) > 1, told_at,
       array[sequence], array[cast(0 as smallint)], array[subject_id]
  from callback_told_before told;
select setval('callback_sequence', greatest(
    1, (select max(sequence) from callback_facts), (select max(sequence) from callback_told_before)));
drop table callback_facts, callback_told_before;
alter table callback_deliveries drop column message_ids;
alter table callback_deliveries alter column body set storage external;
"""

# For people who look: each fact that waits. The code reads bundles.
WAITING = """
create view callback_facts as
select waiting.endpoint_id, waiting.tenant_id, waiting.is_again, 100 * waiting.sequence + place as sequence,
       waiting.made_at as enqueued_at, cast(fact ->> 0 as uuid) as event_id, cast(fact ->> 1 as uuid) as subject_id,
       cast(fact ->> 2 as int) as conversation, fact ->> 3 as kind, fact ->> 4 as topic, fact ->> 5 as phone_number_id,
       to_timestamp(cast(fact ->> 6 as bigint)) as occurred_at, cast(fact -> 7 as text) as content
  from callback_queue waiting
  join callback_log log on log.tenant_id = waiting.tenant_id and log.sequence = waiting.sequence
                       and log.made_at = waiting.made_at
 cross join lateral (
       select number - 1, fact from jsonb_array_elements(cast(convert_from(log.facts, 'UTF8') as jsonb))
              with ordinality as told (fact, number)
        where waiting.places is null or number - 1 = any (waiting.places)) one (place, fact);
grant select on callback_facts to gateway;
"""

DROP_OLD_DAYS = """
create or replace function drop_callback_days(parent text, days_kept int) returns int
language plpgsql security definer set search_path = public, pg_temp set lock_timeout = '2s' as $$
declare
    dropped int := 0;
    day record;
begin
    if parent not in ('callback_attempts', 'callback_told', 'callback_log') or days_kept < 1 then
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
"""


def upgrade() -> None:
    for part in (LOG, QUEUE, TOLD, MOVE, WAITING, DROP_OLD_DAYS):
        script(part)
