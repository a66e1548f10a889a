"""Holds of any amount, and one key for all the steps that money takes."""

from services.kernel.migrate import script

revision = "0005_holds"
down_revision = "0004_cards"
branch_labels = None
depends_on = None

# Procedures see a batch of unknown size and tables of any size: probes of indexes are always right, and one plan does.
TUNED = """security definer set search_path = public, pg_temp set plan_cache_mode = force_generic_plan
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off"""

# A transfer is known by what it is about (`id`: the message, the hold, or the booking itself) and its step there, so
# that no random id is needed and one key says all: a step is taken once. 1: into held; 2: out of it; 3: the message
# reached its person after all, or the rest of a hold. The service's role may write bookings by hand alone: it is not
# granted the columns that a message or a hold needs.
TRANSFERS = """
drop trigger agree_at_first on reservations;
drop trigger agree_later on reservations;
drop function agree_with_ledger;
alter table transfers
    drop constraint transfers_tenant_id_corrects_fkey,
    drop constraint a_stage_is_entered_once,
    drop constraint transfers_pkey,
    drop constraint a_kind_has_its_accounts,
    drop constraint a_charge_names_its_message,
    drop constraint a_booking_by_hand_has_a_reference;
drop index a_stage_is_left_once;
alter table transfers drop column from_stage, drop column to_stage;
alter table transfers disable trigger append_only;
update transfers set id = message_id where message_id is not null;
alter table transfers enable trigger append_only;
alter table transfers
    add column hold_id uuid,
    add column step smallint not null generated always as (case kind
        when 'reserve' then 1 when 'capture' then 2 when 'release' then 2 when 'expire' then 2
        when 'late_capture' then 3
        when 'hold' then 1 when 'hold_capture' then 2 when 'hold_return' then 3 else 0 end) stored,
    add constraint a_kind_has_its_accounts check (case kind
        when 'top_up' then debit = 'cash_in' and credit = 'wallet'
        when 'reserve' then debit = 'wallet' and credit = 'held'
        when 'hold' then debit = 'wallet' and credit = 'held'
        when 'capture' then debit = 'held' and credit = 'revenue'
        when 'hold_capture' then debit = 'held' and credit = 'revenue'
        when 'release' then debit = 'held' and credit = 'wallet'
        when 'expire' then debit = 'held' and credit = 'wallet'
        when 'hold_return' then debit = 'held' and credit = 'wallet'
        when 'late_capture' then debit = 'wallet' and credit = 'revenue'
        when 'adjustment' then (debit, credit) in (('wallet', 'cash_in'), ('cash_in', 'wallet'),
                                                   ('revenue', 'wallet'), ('wallet', 'revenue'))
        else false end),
    add constraint a_charge_names_its_message check (
        (kind in ('reserve', 'capture', 'release', 'expire', 'late_capture')) = (message_id is not null)
        and (message_id is null or message_id = id)),
    add constraint a_hold_names_itself check (
        (kind in ('hold', 'hold_capture', 'hold_return')) = (hold_id is not null)
        and (hold_id is null or hold_id = id)),
    add constraint a_booking_by_hand_has_a_reference check ((step = 0) = (reference is not null)),
    add constraint a_step_is_taken_once primary key (tenant_id, id, step);
revoke insert on transfers from billing;
grant insert (tenant_id, id, kind, debit, credit, currency, amount_micros, reference, corrects, booked_at)
    on transfers to billing;
"""

# Every insert of transfers, whoever makes it, moves the balances: summed per account, and no wallet that pays falls
# below its limit. A wallet's row is the lock of its tenant's books: it is taken first, in key order. Foreign keys are
# asked for the whole statement at once: as strong, because accounts and transfers are never deleted.
BOOK = f"""
create or replace function book_transfers() returns trigger language plpgsql {TUNED} as $$
declare
    named integer;
    moved integer;
    is_overdrawn boolean;
begin
    if not exists (select 1 from booked) then
        return null;
    end if;
    if exists (
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

# Accounts are opened four at a time, and before any lock is taken: locks are always taken in the order of keys.
LOCK = f"""
create or replace function lock_accounts(tenant_ids uuid[], opened_in text)
returns table (tenant_id uuid, currency text, balance_micros bigint, credit_limit_micros bigint)
language plpgsql {TUNED} as $$
#variable_conflict use_column
begin
    if (select count(*) from accounts a
         where a.tenant_id = any (tenant_ids) and a.kind = 'wallet' and a.currency = opened_in)
        < cardinality(tenant_ids) then
        insert into accounts (tenant_id, kind, currency)
        select t.tenant_id, kinds.kind, opened_in
          from unnest(tenant_ids) as t (tenant_id),
               unnest(array['cash_in', 'held', 'revenue', 'wallet']) as kinds (kind)
         order by t.tenant_id, kinds.kind
        on conflict do nothing;
    end if;
    return query select a.tenant_id, a.currency, a.balance_micros, a.credit_limit_micros
                   from accounts a where a.tenant_id = any (tenant_ids) and a.kind = 'wallet'
                  order by a.tenant_id, a.currency for no key update;
end $$;
"""

# A hold of any amount: captured in whole or in part (the rest goes back), voided, or ended by its time. Once.
HOLDS = f"""
create table holds (
    tenant_id uuid not null,
    id uuid not null,
    currency text not null,
    amount_micros bigint not null check (amount_micros > 0),
    opened_at timestamptz not null,
    expires_at timestamptz,
    state text not null default 'open' check (state in ('open', 'captured', 'voided', 'expired')),
    ended_by uuid,
    ended_at timestamptz,
    captured_micros bigint not null default 0,
    primary key (tenant_id, id),
    unique (tenant_id, ended_by),
    constraint a_capture_is_within_its_hold check (captured_micros between 0 and amount_micros),
    constraint only_a_capture_captures check (state = 'captured' or captured_micros = 0),
    constraint an_end_has_its_time check ((state = 'open') = (ended_at is null)),
    constraint an_end_by_hand_has_its_id check ((state in ('captured', 'voided')) = (ended_by is not null))
);
create index holds_by_end on holds (expires_at) where state = 'open' and expires_at is not null;
create trigger keep before delete or truncate on holds
    for each statement execute function refuse('holds are kept');
create trigger ends_once before update on holds for each row
    when (old.state <> 'open' or (old.tenant_id, old.id, old.currency, old.amount_micros, old.opened_at, old.expires_at)
          is distinct from (new.tenant_id, new.id, new.currency, new.amount_micros, new.opened_at, new.expires_at))
    execute function refuse('a hold ends once, and its terms are never changed');

create function open_hold(tenant uuid, hold uuid, amount bigint, held_in text, ends timestamptz, at timestamptz)
returns void language plpgsql {TUNED} as $$
begin
    insert into holds (tenant_id, id, currency, amount_micros, opened_at, expires_at)
    values (tenant, hold, held_in, amount, at, ends);
    insert into transfers (tenant_id, id, kind, debit, credit, currency, amount_micros, hold_id, booked_at)
    values (tenant, hold, 'hold', 'wallet', 'held', held_in, amount, hold, at);
end $$;

create function end_hold(tenant uuid, hold uuid, ended_as text, ended_with uuid, captured bigint, at timestamptz)
returns boolean language plpgsql {TUNED} as $$
begin
    update holds h set state = ended_as, ended_by = ended_with, ended_at = at, captured_micros = captured
     where h.tenant_id = tenant and h.id = hold and h.state = 'open'
       and case ended_as when 'expired' then h.expires_at <= at else coalesce(h.expires_at > at, true) end;
    if not found then
        return false;
    end if;
    insert into transfers (tenant_id, id, kind, debit, credit, currency, amount_micros, hold_id, booked_at)
    select h.tenant_id, h.id, parts.kind, 'held', parts.credit, h.currency, parts.micros, h.id, at
      from holds h
     cross join lateral (values ('hold_capture', 'revenue', h.captured_micros),
                                ('hold_return', 'wallet', h.amount_micros - h.captured_micros))
           as parts (kind, credit, micros)
     where h.tenant_id = tenant and h.id = hold and parts.micros > 0
     order by parts.kind;
    return true;
end $$;
grant select on holds to billing;
"""

GRANTS = """
revoke execute on function open_hold, end_hold from public;
grant execute on function open_hold, end_hold to billing;
"""


def upgrade() -> None:
    for ddl in (TRANSFERS, BOOK, LOCK, HOLDS, GRANTS):
        script(ddl)
