"""Charges of messages move through procedures only, a batch in two statements."""

from services.kernel.migrate import script

revision = "0006_charges"
down_revision = "0005_holds"
branch_labels = None
depends_on = None

# Procedures see a batch of unknown size and tables of any size: probes of indexes are always right, and one plan does.
TUNED = """security definer set search_path = public, pg_temp set plan_cache_mode = force_generic_plan
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off"""

# Written by procedures only, together with their transfers. `hold_expires_at` is indexed whole and found by the time up
# to which holds were swept: an index by state would make every capture write three index entries.
RESERVATIONS = """
alter table reservations
    drop column stage,
    add column category text,
    set (fillfactor = 60);
drop index reservations_by_end_of_hold;
create index reservations_by_end_of_hold on reservations (hold_expires_at) where hold_expires_at is not null;
create table hold_sweeps (
    is_only boolean primary key default true check (is_only),
    swept_until timestamptz not null default '-infinity'
);
insert into hold_sweeps default values;
grant select, update (swept_until) on hold_sweeps to billing;
revoke insert, update on reservations from billing;
revoke update (state, captured_at, capture_cause, returned_at, return_cause, return_reason)
    on reservations from billing;
drop table wamids;
create table wamids (
    tenant_id uuid not null,
    wamid uuid not null,
    message_id uuid,
    is_reached boolean not null,
    is_failed boolean not null,
    primary key (wamid, tenant_id)
);
comment on column wamids.wamid is 'the first 128 bits of the keyed index of Meta''s id';
grant select, insert, update on wamids to billing;
"""

# What pricing must know: what each tenant can pay, its last position of the month, and which of the messages were
# decided (`known`) or reported as reached (`early`) before. The tenants are locked by a statement of its own: the next
# one then sees all that was committed meanwhile.
OPEN_BOOKS = f"""
create function open_books(tenants uuid[], months date[], opened_in text, owners uuid[], messages uuid[])
returns table (tenant_id uuid, payable_micros bigint, "position" bigint, known uuid[], early uuid[])
language plpgsql {TUNED} as $$
#variable_conflict use_column
begin
    perform lock_accounts(tenants, opened_in);
    return query
    with seen as materialized (
        select w.tenant_id, array_agg(w.message_id) filter (where r.message_id is not null) as known,
               array_agg(w.message_id) filter (where e.message_id is not null) as early
          from unnest(owners, messages) as w (tenant_id, message_id)
          left join reservations r on (r.tenant_id, r.message_id) = (w.tenant_id, w.message_id)
          left join early_reports e on (e.tenant_id, e.message_id) = (w.tenant_id, w.message_id)
         where r.message_id is not null or e.message_id is not null
         group by w.tenant_id
    )
    select t.tenant_id, a.balance_micros + a.credit_limit_micros,
           coalesce((select r.position from reservations r
                      where r.tenant_id = t.tenant_id and r.month = t.month and r.position is not null
                      order by r.position desc limit 1), 0),
           seen.known, seen.early
      from unnest(tenants, months) as t (tenant_id, month)
      join accounts a on (a.tenant_id, a.kind, a.currency) = (t.tenant_id, 'wallet', opened_in)
      left join seen on seen.tenant_id = t.tenant_id;
end $$;
"""

# The tenants are locked already: by open_books, or else by the transfers' own trigger.
RESERVE = f"""
create function reserve_charges(owners uuid[], messages uuid[], categories text[], reasons text[], prices bigint[],
                                months date[], positions bigint[], ends timestamptz[], priced_in text,
                                priced_by integer, at timestamptz)
returns void language plpgsql {TUNED} as $$
begin
    if not exists (select 1 from rate_cards c where c.version = priced_by) then
        raise exception 'the rate card exists'
            using errcode = 'foreign_key_violation', constraint = 'the_rate_card_exists', table = 'reservations';
    end if;
    insert into reservations (tenant_id, message_id, state, decided_at, reason, category, price_micros, currency,
                              rate_card_version, is_free, month, position, hold_expires_at)
    select w.tenant_id, w.message_id, case when w.price is null then 'unfunded' else 'reserved' end, at, w.reason,
           w.category, w.price, case when w.price is not null then priced_in end,
           case when w.price is not null then priced_by end,
           case when w.price is not null then w.position is null end, w.month, w.position, w.hold_expires_at
      from unnest(owners, messages, categories, reasons, prices, months, positions, ends)
           as w (tenant_id, message_id, category, reason, price, month, position, hold_expires_at);
    insert into transfers (tenant_id, id, kind, debit, credit, currency, amount_micros, message_id, booked_at)
    select w.tenant_id, w.message_id, 'reserve', 'wallet', 'held', priced_in, w.price, w.message_id, at
      from unnest(owners, messages, prices) with ordinality as w (tenant_id, message_id, price, number)
     where w.price <> 0
     order by w.number;
end $$;
"""

# What became of messages: at most one `reached` and, before it, one other end of each; `again` is what comes after.
# Answers the reservations that these very causes moved, now (`is_new`) or when they came before.
END = f"""
create function end_charges(owners uuid[], messages uuid[], outcomes text[], causes uuid[], opened_in text,
                            at timestamptz)
returns table (number bigint, is_capture boolean, is_new boolean, price_micros bigint, currency text,
               captured_at timestamptz, returned_at timestamptz, return_reason text)
language plpgsql {TUNED} as $$
#variable_conflict use_column
declare
    touched uuid[];
begin
    touched := array(
        select distinct w.tenant_id
          from unnest(owners, messages, outcomes) as w (tenant_id, message_id, outcome)
          left join reservations r on (r.tenant_id, r.message_id) = (w.tenant_id, w.message_id)
         where w.outcome <> 'again'
           and (r.state is null or r.state = 'reserved'
                or (w.outcome = 'reached' and r.state in ('released', 'expired')))
         order by w.tenant_id);
    if cardinality(touched) > 0 then
        perform lock_accounts(touched, opened_in);
        insert into reservations (tenant_id, message_id, state, decided_at, reason)
        select w.tenant_id, w.message_id, 'closed', at, 'already_closed'
          from unnest(owners, messages, outcomes) as w (tenant_id, message_id, outcome)
         where w.outcome in ('failed', 'expired', 'overdue')
           and not exists (select 1 from reservations r
                            where (r.tenant_id, r.message_id) = (w.tenant_id, w.message_id))
           and not exists (select 1 from early_reports e
                            where (e.tenant_id, e.message_id) = (w.tenant_id, w.message_id));
        if outcomes && array['failed', 'expired', 'overdue'] then
            with ended as (
                update reservations r
                   set state = case w.outcome when 'overdue' then 'expired' else 'released' end,
                       returned_at = at, return_cause = w.cause,
                       return_reason = case w.outcome when 'failed' then 'failed' else 'expired' end
                  from unnest(owners, messages, outcomes, causes) with ordinality
                       as w (tenant_id, message_id, outcome, cause, number)
                 where (r.tenant_id, r.message_id) = (w.tenant_id, w.message_id)
                   and r.state = 'reserved' and w.outcome in ('failed', 'expired', 'overdue')
                   and (w.outcome <> 'overdue' or r.hold_expires_at <= at)
                returning r.*, w.number
            )
            insert into transfers (tenant_id, id, kind, debit, credit, currency, amount_micros, message_id, booked_at)
            select e.tenant_id, e.message_id, case e.state when 'expired' then 'expire' else 'release' end,
                   'held', 'wallet', e.currency, e.price_micros, e.message_id, at
              from ended e where e.price_micros <> 0 order by e.number;
        end if;
        if 'reached' = any (outcomes) then
            insert into early_reports (tenant_id, message_id)
            select w.tenant_id, w.message_id
              from unnest(owners, messages, outcomes) as w (tenant_id, message_id, outcome)
             where w.outcome = 'reached'
               and not exists (select 1 from reservations r
                                where (r.tenant_id, r.message_id) = (w.tenant_id, w.message_id))
            on conflict do nothing;
            with ended as (
                update reservations r set state = 'captured', captured_at = at, capture_cause = w.cause
                  from unnest(owners, messages, outcomes, causes) with ordinality
                       as w (tenant_id, message_id, outcome, cause, number)
                 where (r.tenant_id, r.message_id) = (w.tenant_id, w.message_id)
                   and r.state in ('reserved', 'released', 'expired') and w.outcome = 'reached'
                returning r.*, w.number
            )
            insert into transfers (tenant_id, id, kind, debit, credit, currency, amount_micros, message_id, booked_at)
            select e.tenant_id, e.message_id, case when e.returned_at is null then 'capture' else 'late_capture' end,
                   case when e.returned_at is null then 'held' else 'wallet' end, 'revenue', e.currency,
                   e.price_micros, e.message_id, at
              from ended e where e.price_micros <> 0 order by e.number;
        end if;
    end if;
    return query
    select w.number, coalesce(r.capture_cause = w.cause, false),
           case when r.capture_cause = w.cause then r.captured_at else r.returned_at end = at,
           r.price_micros, r.currency, r.captured_at, r.returned_at, r.return_reason
      from unnest(owners, messages, causes) with ordinality as w (tenant_id, message_id, cause, number)
      join reservations r on (r.tenant_id, r.message_id) = (w.tenant_id, w.message_id)
     where r.capture_cause = w.cause or r.return_cause = w.cause
     order by w.number;
end $$;
"""

GRANTS = """
revoke execute on function open_books, reserve_charges, end_charges from public;
grant execute on function open_books, reserve_charges, end_charges to billing;
"""


def upgrade() -> None:
    for ddl in (RESERVATIONS, OPEN_BOOKS, RESERVE, END, GRANTS):
        script(ddl)
