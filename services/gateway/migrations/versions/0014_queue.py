"""The dispatch queue holds only what is paid for, and is written fewer times."""

from services.kernel.migrate import script

revision = "0014_queue"
down_revision = "0013_keywords"
branch_labels = None
depends_on = None

# One row for all messages of a batch that wait for consent and billing, looked at when the first of them may be
# forgotten or over. One row for all calls that began together, looked at when all of them must have ended.
BATCHES = """
create table waiting_batches (
    id bigint generated always as identity primary key,
    look_at timestamptz not null,
    rounds int not null,
    tenant_ids uuid[] not null,
    message_ids uuid[] not null
);
create index waiting_batches_time on waiting_batches (look_at);
create table call_batches (
    id bigint generated always as identity primary key,
    call_before timestamptz not null,
    message_ids uuid[] not null
);
create index call_batches_time on call_batches (call_before);
grant select, insert, update, delete on waiting_batches, call_batches to gateway;
insert into waiting_batches (look_at, rounds, tenant_ids, message_ids)
select least(republish_at, expires_at), republished, array[tenant_id], array[message_id]
  from dispatch_queue where held_by is not null;
insert into call_batches (call_before, message_ids)
select call_before, array[message_id] from dispatch_queue where call_before is not null;
"""

# A pair is known by one number, made of its names: two pairs that share one, which is not to be expected, would share
# their limits.
PAIR = "hashtextextended(phone_number_id || person, 0)"

# A lease and the beginning of a call change no column of an index, and find room on their page: neither writes an
# index. Whoever claims passes over what is under way, which is no more than the workers' windows.
QUEUE = f"""
drop index dispatch_queue_order, dispatch_queue_pair, dispatch_queue_held, dispatch_queue_sending;
delete from dispatch_queue where held_by is not null;
alter table dispatch_queue
    drop column held_by,
    drop column republish_at,
    drop column republished,
    add column pair bigint not null generated always as ({PAIR}) stored,
    set (fillfactor = 33);
create index dispatch_queue_order on dispatch_queue (phone_number_id, lane, due_at) where unknown_since is null;
create index dispatch_queue_pair on dispatch_queue (pair);
"""

PAIRS = f"""
alter table pairs rename to named_pairs;
create table pairs (
    pair bigint not null,
    full_at timestamptz not null,
    constraint pairs_key primary key (pair)
) with (fillfactor = 70);
insert into pairs (pair, full_at) select {PAIR}, max(full_at) from named_pairs group by 1;
drop table named_pairs;
grant select, insert, update, delete on pairs to gateway;
"""

# One plan for all times: probes of indexes are right however large the queue is, and it is empty when plans are made.
# Of an empty table every index costs the same, whole or not. So each probe here fits one index only: by an order that
# it asks for, since sorts and bitmaps are no choice, or by words that no other index has (num_nulls).
TUNED = """set search_path = public, pg_temp set plan_cache_mode = force_generic_plan
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set enable_bitmapscan = off
set enable_sort = off"""

READY = """
    q.unknown_since is null and q.due_at <= now() and q.call_before is null and q.expires_at > now()
    and (q.lease_until is null or q.lease_until < now())
"""

# For rows that are found by their place or id.
STILL_READY = """
    num_nulls(q.unknown_since, q.call_before) = 2 and (q.lease_until is null or q.lease_until < now())
"""

# now() is the transaction's beginning: somebody who began later may have written before us.
TOKENS = """
    least(n.messages_per_second,
          b.tokens + greatest(0, extract(epoch from now() - b.refilled_at)) * n.messages_per_second)
"""

# The oldest messages of a lane of a number, one by one from the index: never more than are looked at.
HEAD = f"""
    select q.ctid as place, q.message_id, q.phone_number_id, q.pair, q.lane, q.due_at, q.position
      from dispatch_queue q
     where q.phone_number_id = n.phone_number_id and q.lane = l.lane and {READY}
     order by q.due_at limit head_max
"""

# The pair has a token: its bucket, of 45 tokens that come back one in six seconds, is not empty. And it is this
# message's turn: none of the pair is under way, or in the hands of a worker that may be beginning, and none is older.
# One that was never called keeps its place in the order also while it is not due. `offset 0` keeps both from becoming
# joins, which a plan for empty tables makes of all rows with all.
HAS_TURN = """
    not exists (select 1 from pairs p where p.pair = h.pair and p.full_at > now() + interval '264 seconds' offset 0)
    and not exists (
        select 1 from dispatch_queue e
         where e.pair = h.pair and e.message_id <> h.message_id and num_nulls(e.unknown_since) = 1
           and (e.call_before is not null or e.lease_until > now() - interval '2 seconds'
                or (e.lane, e.position) < (h.lane, h.position) and e.expires_at > now()
                   and (e.due_at <= now() or e.attempt = 0))
        offset 0)
"""

# Whose messages may be claimed: an index probe or three for each number in the queue, however many it has there. Their
# buckets belong to the caller until its transaction ends, and what an earlier owner did is seen by the next statement.
# No number shows more than its share, so that the cost does not grow with what waits; express goes first in what it
# shows, in what its limits allow, and in what there are slots for. A row without a message is a number that was ready
# and gave none.
CLAIM = f"""
create function claim_messages(claimer uuid, lanes int[], slots int, bulk_slots int, of_number int, bulk_of_number int,
                               busy_numbers text[], busy int[], share_min int, head_max int, lease_seconds float8)
returns table (message_id uuid, tenant_id uuid, phone_number_id text, person text, attempt int)
language plpgsql {TUNED} as $$
#variable_conflict use_column
declare
    numbers text[];
    filled float8[];
    express_max int[];
    bulk_max int[];
    share int;
begin
    with recursive found as (
        (select q.phone_number_id from dispatch_queue q where q.unknown_since is null
          order by q.phone_number_id limit 1)
        union all
        select (select q.phone_number_id from dispatch_queue q
                 where q.phone_number_id > found.phone_number_id and q.unknown_since is null
                 order by q.phone_number_id limit 1)
          from found where found.phone_number_id is not null
    ), due as materialized (
        select found.phone_number_id from found
         where exists (select 1 from unnest(lanes) as l (lane) cross join lateral (
                           select 1 from dispatch_queue q
                            where q.phone_number_id = found.phone_number_id and q.lane = l.lane and {READY}
                            order by q.due_at limit 1) one)
    ), held as materialized (
        select b.*, coalesce(busy[array_position(busy_numbers, b.phone_number_id)], 0) as taken
          from due
         cross join lateral (select one.messages_per_second from numbers one
                              where one.phone_number_id = due.phone_number_id and one.state = 'active' offset 0) n
         cross join lateral (
               select b.phone_number_id, {TOKENS} as tokens,
                      coalesce(b.bulk_parked_until > now(), false) as is_bulk_parked
                 from number_buckets b
                where b.phone_number_id = due.phone_number_id and (b.parked_until is null or b.parked_until <= now())
                  and {TOKENS} >= 1
                  for update skip locked) b
    )
    select array_agg(h.phone_number_id), array_agg(h.tokens), array_agg(least(floor(h.tokens), of_number - h.taken)),
           array_agg(case when is_bulk_parked or not 1 = any(lanes) then 0
                          else greatest(0, least(floor(h.tokens), of_number - h.taken, bulk_of_number - h.taken)) end)
      into numbers, filled, express_max, bulk_max
      from held h where h.taken < of_number;
    if numbers is null then
        return;
    end if;
    share := greatest(share_min, ceil(slots / cardinality(numbers)::float8));
    return query
    with number as materialized (
        select * from unnest(numbers, filled, express_max, bulk_max) as n (phone_number_id, tokens, express, bulk)
    ), shown as materialized (
        select s.*, n.tokens, row_number() over (partition by s.phone_number_id order by s.lane, s.due_at, s.position)
                    <= case s.lane when 0 then n.express else n.bulk end as is_allowed
          from number n
         cross join lateral (values (0, n.express), (1, n.bulk)) as l (lane, allowed)
         cross join lateral (
               select h.* from ({HEAD}) h where {HAS_TURN} order by h.due_at limit least(l.allowed, share)) s
    ), chosen as materialized (
        select r.place, r.tokens from (
            select place, tokens, lane, row_number() over (order by lane, due_at, position) as number
              from shown where is_allowed) r
         where r.number <= case r.lane when 0 then slots else bulk_slots end
    ), taken as materialized (
        select q.ctid as place, c.tokens from chosen c join dispatch_queue q on q.ctid = c.place where {STILL_READY}
           for update of q skip locked
    ), leased as (
        update dispatch_queue q set worker = claimer, lease_until = now() + make_interval(secs => lease_seconds)
          from taken t where q.ctid = t.place
        returning q.message_id, q.tenant_id, q.phone_number_id, q.person, q.attempt, q.pair, t.tokens
    ), spent as (
        update number_buckets b set tokens = l.left, refilled_at = greatest(b.refilled_at, now())
          from (select phone_number_id, tokens - count(*) as left from leased group by phone_number_id, tokens) l
         where b.phone_number_id = l.phone_number_id
    ), turned as (
        insert into pairs as p (pair, full_at) select pair, now() + interval '6 seconds' from leased order by 1
        on conflict on constraint pairs_key do update
           set full_at = greatest(p.full_at, now()) + interval '6 seconds'
    )
    select l.message_id, l.tenant_id, l.phone_number_id, l.person, l.attempt from leased l
     union all
    select null, null, idle.phone_number_id, null, null
      from (select n.phone_number_id from number n except select l.phone_number_id from leased l) idle;
end $$;
"""

# Where the head of a lane is full of messages whose pairs must wait, those behind them would never be seen.
STEP_ASIDE = f"""
create function step_aside(numbers text[], head_max int, aside_seconds float8) returns bigint
language plpgsql {TUNED} as $$
declare
    moved bigint;
begin
    with blocked as materialized (
        select h.place from unnest(numbers) as n (phone_number_id)
         cross join (values (0), (1)) as l (lane)
         cross join lateral (
               select 1 from dispatch_queue q
                where q.phone_number_id = n.phone_number_id and q.lane = l.lane and {READY}
                order by q.due_at offset head_max - 1 limit 1) crowd
         cross join lateral ({HEAD}) h
         where not ({HAS_TURN})
    ), l as materialized (
        select q.ctid as place from blocked join dispatch_queue q on q.ctid = blocked.place where {STILL_READY}
           for update of q skip locked
    )
    update dispatch_queue q set due_at = now() + make_interval(secs => aside_seconds) from l where q.ctid = l.place;
    get diagnostics moved = row_count;
    return moved;
end $$;
"""

# The attempts of those whose lease still lives, locked in the order of their ids.
START = f"""
create function start_calls(ids uuid[], starter uuid, begin_before timestamptz)
returns table (message_id uuid, tenant_id uuid, attempt int)
language plpgsql {TUNED} as $$
#variable_conflict use_column
begin
    return query
    with mine as materialized (
        select q.ctid as place from dispatch_queue q
         where q.message_id = any(ids) and q.worker = starter and q.lease_until > clock_timestamp()
           and num_nulls(q.unknown_since, q.call_before) = 2
         order by q.message_id for update
    ), started as (
        update dispatch_queue q
           set attempt = q.attempt + 1, call_before = begin_before, worker = null, lease_until = null
          from mine where q.ctid = mine.place
        returning q.message_id, q.tenant_id, q.attempt
    ), noted as (
        insert into call_batches (call_before, message_ids)
        select begin_before, array_agg(message_id) from started having count(*) > 0
    )
    select * from started;
end $$;
"""


def upgrade() -> None:
    for part in (BATCHES, QUEUE, PAIRS, CLAIM, STEP_ASIDE, START):
        script(part)
