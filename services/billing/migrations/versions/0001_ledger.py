"""Rate cards, and the ledger that cannot go wrong by itself."""

import json

from services.kernel.kafka import tables
from services.kernel.migrate import script

revision = "0001_ledger"
down_revision = None
branch_labels = None
depends_on = None

RATE_CARDS = """
create table rate_cards (
    version integer primary key,
    card jsonb not null,
    effective_from timestamptz not null unique
);
"""

# Amounts are in major units; see services/billing/rating/service.py for the shape.
FIRST_CARD = {
    "currency": "RUB",
    "mode": "graduated",
    "tiers": [[1_000, "6.00"], [10_000, "4.50"], [100_000, "2.50"], [1_000_000, "1.00"], [None, "0.30"]],
    "free_in_window": ["text"],
}

# A balance is credits minus debits. `cash_in` is where money comes from, so it is negative; together they are zero.
ACCOUNTS = """
create table accounts (
    tenant_id uuid not null,
    kind text not null check (kind in ('cash_in', 'held', 'revenue', 'wallet')),
    currency text not null check (currency ~ '^[A-Z]{3}$'),
    balance_micros bigint not null default 0,
    credit_limit_micros bigint not null default 0 check (credit_limit_micros >= 0),
    primary key (tenant_id, kind, currency),
    constraint held_is_never_negative check (kind <> 'held' or balance_micros >= 0),
    constraint only_a_wallet_has_credit check (kind = 'wallet' or credit_limit_micros = 0)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);
"""

# One row is one double entry: the same amount leaves one account and enters another, so that sums are zero by
# construction. The money of a message goes through stages: reserve -> held; held -> earned (capture) or returned
# (release, expire); returned -> earned (late capture). Each stage is entered once and left once (unique), and left only
# if it was entered, with the same amount (the trigger below). The primary key begins with `id`: on a table without
# statistics the planner would take a key (tenant_id, id) for the stages as well and walk over all of a tenant's rows.
TRANSFERS = """
create table transfers (
    tenant_id uuid not null,
    id uuid not null,
    seq bigint generated always as identity,
    kind text not null,
    debit text not null,
    credit text not null,
    currency text not null,
    amount_micros bigint not null check (amount_micros > 0),
    message_id uuid,
    reference text,
    corrects uuid,
    booked_at timestamptz not null default now(),
    from_stage text generated always as (
        case kind when 'capture' then 'held' when 'release' then 'held' when 'expire' then 'held'
                  when 'late_capture' then 'returned' end
    ) stored,
    to_stage text generated always as (
        case kind when 'reserve' then 'held' when 'release' then 'returned' when 'expire' then 'returned'
                  when 'capture' then 'earned' when 'late_capture' then 'earned' end
    ) stored,
    primary key (id, tenant_id),
    constraint a_kind_has_its_accounts check (case kind
        when 'top_up' then debit = 'cash_in' and credit = 'wallet'
        when 'reserve' then debit = 'wallet' and credit = 'held'
        when 'capture' then debit = 'held' and credit = 'revenue'
        when 'release' then debit = 'held' and credit = 'wallet'
        when 'expire' then debit = 'held' and credit = 'wallet'
        when 'late_capture' then debit = 'wallet' and credit = 'revenue'
        when 'adjustment' then (debit, credit) in (('wallet', 'cash_in'), ('cash_in', 'wallet'),
                                                   ('revenue', 'wallet'), ('wallet', 'revenue'))
        else false end),
    constraint a_charge_names_its_message check ((to_stage is null) = (message_id is null)),
    constraint a_booking_by_hand_has_a_reference check ((to_stage is null) = (reference is not null)),
    constraint an_adjustment_names_what_it_corrects check ((kind = 'adjustment') = (corrects is not null)),
    constraint a_stage_is_entered_once unique (tenant_id, message_id, to_stage),
    foreign key (tenant_id, corrects) references transfers (tenant_id, id)
);
create unique index a_stage_is_left_once on transfers (tenant_id, message_id, from_stage) where from_stage is not null;
create unique index a_reference_is_booked_once on transfers (tenant_id, reference) where reference is not null;
"""

# The only way in which balances change. Accounts are locked in key order, movements are summed per account.
# What foreign keys would say is asked for the whole statement at once: five foreign keys made a message six times as
# dear as all the rest. It is as strong, because what is referred to (accounts, transfers) is never deleted or changed.
BOOK = """
create function book_transfers() returns trigger
language plpgsql security definer set search_path = public, pg_temp set enable_seqscan = off as $$
declare
    accounts_moved integer;
begin
    if exists (
        select 1 from booked
          left join transfers earlier
            on (earlier.tenant_id, earlier.message_id, earlier.to_stage)
             = (booked.tenant_id, booked.message_id, booked.from_stage)
         where booked.from_stage is not null
           and (earlier.currency, earlier.amount_micros) is distinct from (booked.currency, booked.amount_micros))
    then
        raise exception 'a charge ends what was reserved, with the same amount'
            using errcode = 'foreign_key_violation', constraint = 'a_stage_is_left_as_entered', table = 'transfers';
    end if;
    perform 1 from accounts a
      where (a.tenant_id, a.kind, a.currency) in (
            select tenant_id, debit, currency from booked union select tenant_id, credit, currency from booked)
      order by a.tenant_id, a.kind, a.currency
        for no key update;
    update accounts a
       set balance_micros = a.balance_micros + moved.micros
      from (select tenant_id, kind, currency, sum(micros)::bigint as micros
              from (select tenant_id, debit as kind, currency, -amount_micros as micros from booked
                    union all
                    select tenant_id, credit, currency, amount_micros from booked) as sides
             group by tenant_id, kind, currency) as moved
     where (a.tenant_id, a.kind, a.currency) = (moved.tenant_id, moved.kind, moved.currency);
    get diagnostics accounts_moved = row_count;
    if accounts_moved <> (
        select count(*) from (select tenant_id, debit, currency from booked
                              union select tenant_id, credit, currency from booked) as sides)
    then
        raise exception 'both accounts of a transfer exist'
            using errcode = 'foreign_key_violation', constraint = 'both_accounts_exist', table = 'transfers';
    end if;
    if exists (
        select 1 from accounts a
          join (select tenant_id, currency from booked
                 where 'wallet' in (debit, credit) and kind <> 'late_capture'
                 group by tenant_id, currency
                having sum(case credit when 'wallet' then amount_micros else -amount_micros end) < 0) as taken
            on (a.tenant_id, a.kind, a.currency) = (taken.tenant_id, 'wallet', taken.currency)
         where a.balance_micros < -a.credit_limit_micros)
    then
        raise exception 'the wallet does not cover these transfers'
            using errcode = 'check_violation', constraint = 'wallet_covers_its_debits', table = 'accounts';
    end if;
    return null;
end $$;
create trigger book after insert on transfers
    referencing new table as booked for each statement execute function book_transfers();
"""

# These hold for the owner too: a correction is a new row.
REFUSALS = """
create function refuse() returns trigger language plpgsql as $$
begin
    raise exception '%', tg_argv[0] using errcode = 'restrict_violation', table = tg_table_name;
end $$;
create trigger append_only before update or delete or truncate on transfers
    for each statement execute function refuse('transfers are never changed: book a correction');
create trigger keep before delete or truncate on accounts
    for each statement execute function refuse('accounts are kept');
create trigger keep before update or delete or truncate on rate_cards
    for each statement execute function refuse('a rate card that was in force is never changed: add the next version');
create trigger only_transfers_move_balances before update of balance_micros on accounts for each row
    when (pg_trigger_depth() = 0) execute function refuse('balances are moved by transfers only');
create trigger accounts_open_empty before insert on accounts for each row
    when (new.balance_micros <> 0) execute function refuse('an account is opened with nothing in it');
"""

# The service's role may not update accounts, so it borrows the owner's right to lock them; missing ones are opened.
LOCK_ACCOUNTS = """
create function lock_accounts(tenant_ids uuid[], opened_in text)
returns table (tenant_id uuid, currency text, balance_micros bigint, credit_limit_micros bigint)
language plpgsql security definer set search_path = public, pg_temp set enable_seqscan = off as $$
#variable_conflict use_column
begin
    insert into accounts (tenant_id, kind, currency)
    select new.tenant_id, new.kind, opened_in
      from unnest(tenant_ids) as t (tenant_id)
     cross join lateral (values (t.tenant_id, 'cash_in'), (t.tenant_id, 'held'), (t.tenant_id, 'revenue'),
                                (t.tenant_id, 'wallet')) as new (tenant_id, kind)
     where not exists (select 1 from accounts a
                        where a.tenant_id = new.tenant_id and a.kind = new.kind and a.currency = opened_in)
     order by new.tenant_id, new.kind
    on conflict do nothing;
    perform 1 from accounts a where a.tenant_id = any (tenant_ids)
      order by a.tenant_id, a.kind, a.currency for no key update;
    return query select a.tenant_id, a.currency, a.balance_micros, a.credit_limit_micros
                   from accounts a where a.tenant_id = any (tenant_ids) and a.kind = 'wallet';
end $$;
"""

GRANTS = """
grant select on rate_cards, accounts to billing;
grant select, insert on transfers to billing;
revoke execute on function lock_accounts, book_transfers, refuse from public;
grant execute on function lock_accounts to billing;
"""


def upgrade() -> None:
    tables.install("billing")
    for ddl in (RATE_CARDS, ACCOUNTS, TRANSFERS, BOOK, REFUSALS, LOCK_ACCOUNTS, GRANTS):
        script(ddl)
    card = json.dumps(FIRST_CARD)
    script(f"insert into rate_cards values (1, $card${card}$card$, '2025-01-01T00:00:00+03:00')")
