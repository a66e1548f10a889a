"""The table of approvals in the database of every service that has acts for two people."""

from services.kernel import migrate

# The names are those of the staff tokens. A request is inserted open, decided once, and never changed otherwise; its
# decision is written before its act, so that what the act calls in the database can ask for it, and its result after.
APPROVALS = """
create table approvals (
    id uuid primary key,
    kind text not null,
    key text not null,
    tenant_id uuid,
    payload jsonb not null,
    reason text not null check (btrim(reason) <> ''),
    state text not null default 'requested' check (state in ('requested', 'approved', 'refused', 'expired')),
    requested_by text not null check (btrim(requested_by) <> ''),
    requested_at timestamptz not null,
    expires_at timestamptz not null check (expires_at > requested_at),
    decided_by text check (btrim(decided_by) <> ''),
    decided_at timestamptz,
    decision_reason text,
    result jsonb,
    constraint two_people_approve check (state <> 'approved' or lower(btrim(decided_by)) <> lower(btrim(requested_by))),
    constraint an_approval_is_in_time check (state <> 'approved' or decided_at < expires_at),
    constraint a_decision_has_its_person check (
        case state when 'requested' then num_nonnulls(decided_by, decided_at, decision_reason, result) = 0
                   when 'expired' then num_nonnulls(decided_by, decision_reason, result) = 0 and decided_at is not null
                   when 'refused' then num_nulls(decided_by, decided_at) = 0 and result is null
                   else num_nulls(decided_by, decided_at) = 0 end)
);
create unique index an_act_is_asked_for_once on approvals (kind, key) where state = 'requested';
create index approvals_by_time on approvals (requested_at desc, id);
"""

# These hold for the owner too.
REFUSALS = """
create function refuse_approval_change() returns trigger language plpgsql as $$
begin
    raise exception '%', tg_argv[0] using errcode = 'restrict_violation', table = tg_table_name;
end $$;
create trigger keep before delete or truncate on approvals
    for each statement execute function refuse_approval_change('approvals are kept');
create trigger ask_first before insert on approvals for each row
    when (new.state <> 'requested') execute function refuse_approval_change('an approval is asked for first');
create trigger decide_once before update on approvals for each row
    when (old.state <> 'requested'
          and ((old.state, old.decided_by, old.decided_at, old.decision_reason)
               is distinct from (new.state, new.decided_by, new.decided_at, new.decision_reason)
               or old.result is not null or new.result is null))
    execute function refuse_approval_change('an approval is decided once');
create trigger request_stays before update on approvals for each row
    when ((old.id, old.kind, old.key, old.tenant_id, old.payload, old.reason, old.requested_by, old.requested_at,
           old.expires_at)
          is distinct from
          (new.id, new.kind, new.key, new.tenant_id, new.payload, new.reason, new.requested_by, new.requested_at,
           new.expires_at))
    execute function refuse_approval_change('what was asked for is never changed: ask again');
"""

GRANTS = """
grant select, insert on approvals to {role};
grant update (state, decided_by, decided_at, decision_reason, result) on approvals to {role};
revoke execute on function refuse_approval_change from public;
"""


def install(role: str) -> None:
    """Create the table in a service's migration and grant it to its `role`."""
    migrate.script(APPROVALS + REFUSALS + GRANTS.format(role=role))
