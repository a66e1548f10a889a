"""Bookings take fewer reads and writes, and nothing is kept of Meta's ids."""

from services.kernel.migrate import script

revision = "0007_booking"
down_revision = "0006_charges"
branch_labels = None
depends_on = None

# Procedures see a batch of unknown size and tables of any size: probes of indexes are always right, and one plan does.
TUNED = """security definer set search_path = public, pg_temp set plan_cache_mode = force_generic_plan
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off"""

# The gateway says whose report it is that came without our id. A trigger before the update would lock each row by a
# write of its own; after it the same is refused. The procedures count usage: nobody else writes reservations. Tests for
# null are much cheaper than num_nulls. A page has room for a second version of each row: all of a page's are captured
# within a second, and an update that stays in its page writes no index.
RESERVATIONS = """
drop table wamids;
alter table early_reports add column noted_at timestamptz not null default now();
grant delete on early_reports to billing;
drop trigger count_at_first on reservations;
drop trigger count_later on reservations;
drop function count_usage;
drop trigger forward_only on reservations;
drop trigger terms_stay on reservations;
create trigger forward_only after update on reservations for each row
    when (not (old.state = new.state
               or (old.state = 'reserved' and new.state in ('captured', 'released', 'expired'))
               or (old.state in ('released', 'expired') and new.state = 'captured')))
    execute function refuse('a reservation only moves forward');
create trigger terms_stay after update on reservations for each row
    when ((old.tenant_id, old.message_id, old.price_micros, old.currency, old.month, old.position, old.decided_at)
          is distinct from
          (new.tenant_id, new.message_id, new.price_micros, new.currency, new.month, new.position, new.decided_at))
    execute function refuse('the terms of a reservation are never changed');
alter table reservations
    set (fillfactor = 45),
    drop constraint a_funded_message_has_terms,
    drop constraint an_unfunded_message_has_none,
    drop constraint a_paid_message_has_its_position,
    drop constraint a_capture_has_its_time,
    drop constraint a_return_has_its_time,
    add constraint a_funded_message_has_terms check (
        state in ('closed', 'unfunded')
        or (price_micros, currency, rate_card_version, is_free, hold_expires_at) is not null),
    add constraint an_unfunded_message_has_none check (
        state not in ('closed', 'unfunded')
        or ((price_micros, currency, rate_card_version, is_free, month, position, hold_expires_at) is null
            and reason is not null)),
    add constraint a_paid_message_has_its_position check (
        is_free is null
        or (is_free and price_micros = 0 and position is null)
        or (not is_free and (month, position) is not null and position > 0)),
    add constraint a_capture_has_its_time check (
        (state = 'captured') = (captured_at is not null) and (captured_at is null) = (capture_cause is null)),
    add constraint a_return_has_its_time check (
        (state not in ('released', 'expired') or returned_at is not null)
        and (state in ('released', 'expired', 'captured') or returned_at is null)
        and (returned_at is null) = (return_cause is null) and (returned_at is null) = (return_reason is null));
"""


def counted(source: str, **sums: str) -> str:
    """Add to the months' counters what the rows of `source` (alias `c`) sum up to."""
    names = ", ".join(sums)
    changes = ", ".join(f"{name} = u.{name} + excluded.{name}" for name in sums)
    return f"""
        insert into usage_months as u (tenant_id, month, category, is_free, currency, {names})
        select c.tenant_id, c.month, coalesce(c.category, 'unknown'), c.is_free, c.currency, {", ".join(sums.values())}
          from {source} as c
         where c.month is not null and c.price_micros is not null
         group by 1, 2, 3, 4, 5
         order by 1, 2, 3, 4, 5
        on conflict (tenant_id, month, category, is_free, currency) do update set {changes}"""


DEFAULTS = """
alter table usage_months
    alter held set default 0, alter held_micros set default 0, alter charged set default 0,
    alter charged_micros set default 0, alter returned set default 0, alter returned_micros set default 0;
"""

RESERVED = """(
        select w.tenant_id, w.month, w.category, w.position is null as is_free, priced_in as currency, w.price_micros
          from unnest(owners, categories, prices, months, positions)
               as w (tenant_id, category, price_micros, month, position))"""

# The tenants are locked already: by open_books, or else by the transfers' own trigger.
RESERVE = f"""
create or replace function reserve_charges(owners uuid[], messages uuid[], categories text[], reasons text[],
                                           prices bigint[], months date[], positions bigint[], ends timestamptz[],
                                           priced_in text, priced_by integer, at timestamptz)
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
    {counted(RESERVED, held="count(*)", held_micros="sum(c.price_micros)")};
end $$;
"""

ENDED = counted(
    "moved",
    held="-count(*) filter (where c.was = 'held')",
    held_micros="-coalesce(sum(c.price_micros) filter (where c.was = 'held'), 0)",
    charged="count(*) filter (where c.state = 'captured')",
    charged_micros="coalesce(sum(c.price_micros) filter (where c.state = 'captured'), 0)",
    returned="count(*) filter (where c.state <> 'captured') - count(*) filter (where c.was = 'returned')",
    returned_micros="""coalesce(sum(c.price_micros) filter (where c.state <> 'captured'), 0)
                 - coalesce(sum(c.price_micros) filter (where c.was = 'returned'), 0)""",
)

# What became of messages: each of them in one row at most that is not `again`, which only asks for what came before.
# Each row is looked up once and changed where it was found: whoever holds its wallet's lock is alone with it.
# Answers the reservations that these very causes moved, now (`is_new`) or earlier; and, with nothing but their number,
# the rows about messages that nobody has decided about (close_charges).
END = f"""
create or replace function end_charges(owners uuid[], messages uuid[], outcomes text[], causes uuid[], opened_in text,
                                       at timestamptz)
returns table (number bigint, is_capture boolean, is_new boolean, price_micros bigint, currency text,
               captured_at timestamptz, returned_at timestamptz, return_reason text)
language plpgsql {TUNED} as $$
#variable_conflict use_column
begin
    perform lock_accounts(
        array(select distinct w.tenant_id from unnest(owners, outcomes) as w (tenant_id, outcome)
               where w.outcome <> 'again' order by w.tenant_id),
        opened_in);
    return query
    with found as materialized (
        select w.outcome, w.cause, w.number, r.ctid as place, r.state, r.price_micros, r.currency,
               r.captured_at, r.capture_cause, r.returned_at, r.return_cause, r.return_reason,
               case when w.outcome = 'reached' and r.state in ('reserved', 'released', 'expired') then 'captured'
                    when r.state is distinct from 'reserved' then null
                    when w.outcome in ('failed', 'expired') then 'released'
                    when w.outcome = 'overdue' and r.hold_expires_at <= at then 'expired' end as becomes
          from unnest(owners, messages, outcomes, causes) with ordinality
               as w (tenant_id, message_id, outcome, cause, number)
          left join reservations r on (r.tenant_id, r.message_id) = (w.tenant_id, w.message_id)
    ), moved as (
        update reservations r
           set state = f.becomes,
               captured_at = case f.becomes when 'captured' then at end,
               capture_cause = case f.becomes when 'captured' then f.cause end,
               returned_at = case f.becomes when 'captured' then f.returned_at else at end,
               return_cause = case f.becomes when 'captured' then f.return_cause else f.cause end,
               return_reason = case when f.becomes = 'captured' then f.return_reason
                                    when f.outcome = 'failed' then 'failed' else 'expired' end
          from found f
         where r.ctid = f.place and f.becomes is not null
        returning f.number, case f.state when 'reserved' then 'held' else 'returned' end as was, r.tenant_id,
                  r.message_id, r.state, r.month, r.category, r.is_free, r.price_micros, r.currency, r.captured_at,
                  r.returned_at, r.return_reason
    ), booked as (
        insert into transfers (tenant_id, id, kind, debit, credit, currency, amount_micros, message_id, booked_at)
        select m.tenant_id, m.message_id,
               case when m.state = 'released' then 'release' when m.state = 'expired' then 'expire'
                    when m.was = 'held' then 'capture' else 'late_capture' end,
               case m.was when 'held' then 'held' else 'wallet' end,
               case m.state when 'captured' then 'revenue' else 'wallet' end,
               m.currency, m.price_micros, m.message_id, at
          from moved m
         where m.price_micros <> 0
         order by m.number
    ), counted as ({ENDED}
    )
    select m.number, m.state = 'captured', true, m.price_micros, m.currency, m.captured_at, m.returned_at,
           m.return_reason
      from moved m
    union all
    select f.number, case when f.state is not null then coalesce(f.capture_cause = f.cause, false) end, false,
           f.price_micros, f.currency, f.captured_at, f.returned_at, f.return_reason
      from found f
     where f.becomes is null and (f.capture_cause = f.cause or f.return_cause = f.cause
                                  or (f.state is null and f.outcome <> 'again'))
     order by 1;
end $$;
"""

# As before, but what goes on from an earlier step is looked for only where something does.
BOOK = f"""
create or replace function book_transfers() returns trigger language plpgsql {TUNED} as $$
declare
    goes_on boolean;
    named integer;
    moved integer;
    is_overdrawn boolean;
begin
    select bool_or(b.step > 1 or b.corrects is not null) into goes_on from booked b;
    if goes_on is null then
        return null;
    end if;
    if goes_on and exists (
        select 1 from booked b
         where b.step > 1
           and not exists (select 1 from transfers earlier
                            where (earlier.tenant_id, earlier.id, earlier.currency) = (b.tenant_id, b.id, b.currency)
                              and case b.kind
                                  when 'late_capture' then earlier.kind in ('release', 'expire')
                                  else earlier.step = 1 end
                              and (earlier.amount_micros = b.amount_micros
                                   or (b.hold_id is not null and earlier.amount_micros > b.amount_micros)))
        union all
        select 1 from booked b
         where b.corrects is not null
           and not exists (select 1 from transfers t where (t.tenant_id, t.id) = (b.tenant_id, b.corrects)))
    then
        raise exception 'a transfer goes on from an earlier one, with the same amount'
            using errcode = 'foreign_key_violation', constraint = 'an_earlier_step_was_taken', table = 'transfers';
    end if;
    perform 1 from accounts a
      where a.kind = 'wallet' and (a.tenant_id, a.currency) in (select distinct b.tenant_id, b.currency from booked b)
      order by a.tenant_id, a.currency
        for no key update;
    with sides as (
        select tenant_id, kind, currency, sum(micros)::bigint as micros, sum(paid) as paid
          from (select tenant_id, debit as kind, currency, -amount_micros as micros,
                       case kind when 'late_capture' then 0 else -amount_micros end as paid from booked
                union all
                select tenant_id, credit, currency, amount_micros, amount_micros from booked) as each
         group by tenant_id, kind, currency
    ), done as (
        update accounts a set balance_micros = a.balance_micros + sides.micros
          from sides where (a.tenant_id, a.kind, a.currency) = (sides.tenant_id, sides.kind, sides.currency)
        returning a.kind = 'wallet' and sides.paid < 0 and a.balance_micros < -a.credit_limit_micros as is_overdrawn
    )
    select (select count(*) from sides), count(*), bool_or(done.is_overdrawn) into named, moved, is_overdrawn from done;
    if moved <> named then
        raise exception 'both accounts of a transfer exist'
            using errcode = 'foreign_key_violation', constraint = 'both_accounts_exist', table = 'transfers';
    end if;
    if is_overdrawn then
        raise exception 'the wallet does not cover these transfers'
            using errcode = 'check_violation', constraint = 'wallet_covers_its_debits', table = 'accounts';
    end if;
    return null;
end $$;
"""

# Messages that ended before anybody decided about their money: a later decision finds them closed, or earned.
CLOSE = f"""
create function close_charges(owners uuid[], messages uuid[], outcomes text[], at timestamptz) returns void
language plpgsql {TUNED} as $$
begin
    insert into early_reports (tenant_id, message_id)
    select w.tenant_id, w.message_id from unnest(owners, messages, outcomes) as w (tenant_id, message_id, outcome)
     where w.outcome = 'reached'
    on conflict do nothing;
    insert into reservations (tenant_id, message_id, state, decided_at, reason)
    select w.tenant_id, w.message_id, 'closed', at, 'already_closed'
      from unnest(owners, messages, outcomes) as w (tenant_id, message_id, outcome)
     where w.outcome <> 'reached'
       and not exists (select 1 from early_reports e where (e.tenant_id, e.message_id) = (w.tenant_id, w.message_id));
end $$;
revoke execute on function close_charges from public;
grant execute on function close_charges to billing;
"""


def upgrade() -> None:
    for ddl in (RESERVATIONS, DEFAULTS, BOOK, RESERVE, END, CLOSE):
        script(ddl)
