"""Reservations that agree with the ledger, and the reports that wait for their message."""

from services.kernel.migrate import script

revision = "0002_reservations"
down_revision = "0001_ledger"
branch_labels = None
depends_on = None

# reserved -> captured | released | expired; released | expired -> captured (late); closed and unfunded are final.
# The terms (price, position) are written once; `stage` is where the ledger must agree that the money is.
RESERVATIONS = """
create table reservations (
    tenant_id uuid not null,
    message_id uuid not null,
    state text not null
        check (state in ('reserved', 'captured', 'released', 'expired', 'closed', 'unfunded')),
    decided_at timestamptz not null,
    reason text,
    price_micros bigint check (price_micros >= 0),
    currency text,
    rate_card_version integer,
    is_free boolean,
    month date,
    position bigint,
    hold_expires_at timestamptz,
    captured_at timestamptz,
    capture_cause uuid,
    returned_at timestamptz,
    return_cause uuid,
    return_reason text check (return_reason in ('failed', 'expired')),
    stage text generated always as (
        case when price_micros > 0 then
            case state when 'reserved' then 'held' when 'captured' then 'earned'
                       when 'released' then 'returned' when 'expired' then 'returned' end
        end
    ) stored,
    primary key (tenant_id, message_id),
    constraint a_funded_message_has_terms check (
        state in ('closed', 'unfunded')
        or num_nulls(price_micros, currency, rate_card_version, is_free, hold_expires_at) = 0),
    constraint an_unfunded_message_has_none check (
        state not in ('closed', 'unfunded')
        or (num_nonnulls(price_micros, currency, rate_card_version, is_free, month, position, hold_expires_at) = 0
            and reason is not null)),
    constraint a_paid_message_has_its_position check (
        is_free is null
        or (is_free and price_micros = 0 and num_nonnulls(month, position) = 0)
        or (not is_free and num_nulls(month, position) = 0 and position > 0)),
    constraint a_capture_has_its_time check (
        (state = 'captured') = (captured_at is not null) and num_nulls(captured_at, capture_cause) in (0, 2)),
    constraint a_return_has_its_time check (
        (state not in ('released', 'expired') or returned_at is not null)
        and (state in ('released', 'expired', 'captured') or returned_at is null)
        and num_nulls(returned_at, return_cause, return_reason) in (0, 3))
) with (fillfactor = 85);
create unique index a_position_is_taken_once on reservations (tenant_id, month, position) where position is not null;
create index reservations_by_end_of_hold on reservations (hold_expires_at) where state = 'reserved';
"""

# Messages that reached their person before we decided about them, and Meta's ids of our messages with what was said
# of them: whichever half comes first waits for the other.
REPORTS = """
create table early_reports (
    tenant_id uuid not null,
    message_id uuid not null,
    primary key (tenant_id, message_id)
);
create table wamids (
    tenant_id uuid not null,
    wamid_index text not null,
    message_id uuid,
    is_reached boolean not null,
    is_failed boolean not null,
    noted_at timestamptz not null default now(),
    primary key (tenant_id, wamid_index)
);
"""

# A paid reservation is in the stage where the ledger has its money: transfers are written first.
AGREE = """
create function agree_with_ledger() returns trigger
language plpgsql security definer set search_path = public, pg_temp set enable_seqscan = off as $$
begin
    if exists (
        select 1 from written
          left join transfers t
            on (t.tenant_id, t.message_id, t.to_stage) = (written.tenant_id, written.message_id, written.stage)
         where written.stage is not null
           and (t.currency, t.amount_micros) is distinct from (written.currency, written.price_micros))
    then
        raise exception 'a reservation is where its money is'
            using errcode = 'foreign_key_violation', constraint = 'the_ledger_agrees', table = 'reservations';
    end if;
    if tg_op = 'INSERT' and exists (
        select 1 from (select distinct rate_card_version as version from written) as named
         where named.version is not null
           and not exists (select 1 from rate_cards c where c.version = named.version))
    then
        raise exception 'the rate card exists'
            using errcode = 'foreign_key_violation', constraint = 'the_rate_card_exists', table = 'reservations';
    end if;
    return null;
end $$;
create trigger agree_at_first after insert on reservations
    referencing new table as written for each statement execute function agree_with_ledger();
create trigger agree_later after update on reservations
    referencing new table as written for each statement execute function agree_with_ledger();
"""

REFUSALS = """
create trigger keep before delete or truncate on reservations
    for each statement execute function refuse('reservations are kept');
create trigger forward_only before update on reservations for each row
    when (not (old.state = new.state
               or (old.state = 'reserved' and new.state in ('captured', 'released', 'expired'))
               or (old.state in ('released', 'expired') and new.state = 'captured')))
    execute function refuse('a reservation only moves forward');
create trigger terms_stay before update on reservations for each row
    when ((old.tenant_id, old.message_id, old.price_micros, old.currency, old.month, old.position, old.decided_at)
          is distinct from
          (new.tenant_id, new.message_id, new.price_micros, new.currency, new.month, new.position, new.decided_at))
    execute function refuse('the terms of a reservation are never changed');
"""

GRANTS = """
grant select, insert on reservations, early_reports to billing;
grant update (state, captured_at, capture_cause, returned_at, return_cause, return_reason)
    on reservations to billing;
grant select, insert, update on wamids to billing;
revoke execute on function agree_with_ledger from public;
"""


def upgrade() -> None:
    for ddl in (RESERVATIONS, REPORTS, AGREE, REFUSALS, GRANTS):
        script(ddl)
