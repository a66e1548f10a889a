"""Cards, top-ups and credit limits under the eyes of two people."""

from services.kernel.approvals import tables as approvals
from services.kernel.migrate import script

revision = "0004_cards"
down_revision = "0003_second_card"
branch_labels = None
depends_on = None

# Prices and credit are money: the service's role changes neither. It names an approval, which the database knows to be
# of two people, and what they approved is done, once.
RATE_CARDS = """
alter table rate_cards
    add column approval_id uuid unique references approvals (id),
    add column added_at timestamptz not null default now();
create function add_rate_card(approval uuid, in_force_from timestamptz) returns integer
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    added integer;
begin
    lock table rate_cards in share row exclusive mode;
    insert into rate_cards (version, card, effective_from, approval_id)
    select (select max(c.version) + 1 from rate_cards c), a.payload -> 'card', in_force_from, a.id
      from approvals a
     where a.id = approval and a.kind = 'rate_card' and a.state = 'approved' and in_force_from > a.decided_at
       and in_force_from = coalesce((a.payload ->> 'effective_from')::timestamptz, in_force_from)
    returning version into added;
    if added is null then
        raise exception 'a rate card is approved by two people, with its time and before it is in force'
            using errcode = 'restrict_violation', constraint = 'two_people_add_a_card', table = 'rate_cards';
    end if;
    return added;
end $$;
"""

CREDIT_LIMITS = """
create table credit_limits (
    tenant_id uuid not null,
    currency text not null,
    limit_micros bigint not null check (limit_micros >= 0),
    approval_id uuid primary key references approvals (id),
    set_at timestamptz not null
);
create index credit_limits_by_tenant on credit_limits (tenant_id, set_at);
create trigger append_only before update or delete or truncate on credit_limits
    for each statement execute function refuse('credit limits are never changed: set the next one');
create function set_credit_limit(approval uuid, at timestamptz) returns void
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    asked record;
begin
    select a.tenant_id, a.payload ->> 'currency' as currency, (a.payload ->> 'limit_micros')::bigint as limit_micros,
           coalesce((a.payload ->> 'even_below_use')::boolean, false) as even_below_use
      into asked
      from approvals a
     where a.id = approval and a.kind = 'credit_limit' and a.state = 'approved' and a.tenant_id is not null;
    if not found then
        raise exception 'a credit limit is approved by two people'
            using errcode = 'restrict_violation', constraint = 'two_people_set_a_limit', table = 'credit_limits';
    end if;
    insert into credit_limits values (asked.tenant_id, asked.currency, asked.limit_micros, approval, at);
    perform * from lock_accounts(array[asked.tenant_id], asked.currency);
    update accounts set credit_limit_micros = asked.limit_micros
     where tenant_id = asked.tenant_id and kind = 'wallet' and currency = asked.currency
       and (asked.even_below_use or balance_micros >= -asked.limit_micros);
    if not found then
        raise exception 'more credit is in use than this limit'
            using errcode = 'check_violation', constraint = 'a_limit_covers_what_is_used', table = 'accounts';
    end if;
end $$;
"""

# A free message has a month, too, so that a month's messages can be counted; it takes no position.
RESERVATIONS = """
alter table reservations
    drop constraint a_paid_message_has_its_position,
    add constraint a_paid_message_has_its_position check (
        is_free is null
        or (is_free and price_micros = 0 and position is null)
        or (not is_free and num_nulls(month, position) = 0 and position > 0));
"""

# What a month has cost so far, by category: counted with every change of a reservation, under the lock that its writers
# hold on the tenant's accounts, so that a question never walks over a month of messages.
USAGE = """
create table usage_months (
    tenant_id uuid not null,
    month date not null,
    category text not null,
    is_free boolean not null,
    currency text not null,
    held bigint not null,
    held_micros bigint not null,
    charged bigint not null,
    charged_micros bigint not null,
    returned bigint not null,
    returned_micros bigint not null,
    primary key (tenant_id, month, category, is_free, currency)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);
"""
COLUMNS = "tenant_id, month, category, is_free, currency, state, price_micros"
GROUPS = {"held": "= 'reserved'", "charged": "= 'captured'", "returned": "in ('released', 'expired')"}


def added(changed: str) -> str:
    """Add what has changed: rows with the sign 1 are there now, those with -1 no longer."""
    sums = [
        f"coalesce(sum({what}) filter (where state {states}), 0)"
        for states in GROUPS.values()
        for what in ("sign", "sign * price_micros")
    ]
    counters = [name + suffix for name in GROUPS for suffix in ("", "_micros")]
    return f"""
        insert into usage_months as u (tenant_id, month, category, is_free, currency, {", ".join(counters)})
        select tenant_id, month, coalesce(category, 'unknown'), is_free, currency, {", ".join(sums)}
          from ({changed}) as changed
         where month is not null and price_micros is not null
         group by 1, 2, 3, 4, 5
         order by 1, 2, 3, 4, 5
        on conflict (tenant_id, month, category, is_free, currency) do update
           set {", ".join(f"{name} = u.{name} + excluded.{name}" for name in counters)};
    """


COUNTING = f"""
create function count_usage() returns trigger
language plpgsql security definer set search_path = public, pg_temp set plan_cache_mode = force_generic_plan as $$
begin
    if tg_op = 'INSERT' then
        {added(f"select 1 as sign, {COLUMNS} from written")}
    else
        {added(f"select 1 as sign, {COLUMNS} from written union all select -1, {COLUMNS} from replaced")}
    end if;
    return null;
end $$;
create trigger count_at_first after insert on reservations
    referencing new table as written for each statement execute function count_usage();
create trigger count_later after update on reservations
    referencing old table as replaced new table as written for each statement execute function count_usage();
"""

GRANTS = """
grant select on credit_limits, usage_months to billing;
revoke execute on function add_rate_card, set_credit_limit, count_usage from public;
grant execute on function add_rate_card, set_credit_limit to billing;
"""


def upgrade() -> None:
    approvals.install("billing")
    for ddl in (RATE_CARDS, CREDIT_LIMITS, RESERVATIONS, USAGE, COUNTING, GRANTS):
        script(ddl)
