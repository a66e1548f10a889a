"""Acts of people beyond STOP and START, merged aliases, entry points."""

from services.kernel.migrate import script

revision = "0003_acts"
down_revision = "0002_aliases"
branch_labels = None
depends_on = None

# A consent is for one channel. The rows of `persons` are the locks now, so that names can be learnt under them too.
CONSENTS = """
alter table consents
    add column channel text not null default 'whatsapp' check (channel in ('whatsapp')),
    drop column revision,
    drop constraint consents_pkey,
    add primary key (tenant_id, person, purpose, channel);
"""

# An act stays with the identity that it named, and the fold joins what belongs together; `told_of` is of whom its
# change was published, where that is another identity of the person.
EVENTS = """
alter table consent_events
    add column channel text not null default 'whatsapp' check (channel in ('whatsapp')),
    add column level text check (level in ('recorded', 'attested')),
    add column text_version text,
    add column language text,
    add column told_of text,
    drop constraint consent_events_act_check,
    add constraint consent_events_act_check
        check (act in ('given', 'withdrawn', 'stopped', 'started', 'blocked', 'unblocked'));
"""

# Whoever records an act of a person, or learns a name of one, holds its row.
PERSONS = """
create table persons (
    tenant_id uuid not null,
    person text not null check (length(person) = 64),
    primary key (tenant_id, person)
);
create index on person_aliases (tenant_id, person);
create table person_moves (
    tenant_id uuid not null,
    id uuid not null,
    previous text not null check (length(previous) = 64),
    current text not null check (length(current) = 64),
    is_number boolean not null,
    moved_at timestamptz not null,
    primary key (tenant_id, id),
    constraint who_moves_gets_another_name check (previous <> current)
);
create index on person_moves (tenant_id, previous);
create index on person_moves (tenant_id, current);
"""

ENTRY_POINTS = """
alter table windows add column entry_point_expires_at timestamptz;
create table ad_referrals (
    tenant_id uuid not null,
    phone_number_id text not null,
    person text not null check (length(person) = 64),
    referred_at timestamptz not null,
    answered_at timestamptz,
    primary key (tenant_id, phone_number_id, person, referred_at),
    constraint an_answer_follows_within_a_day
        check (answered_at >= referred_at and answered_at < referred_at + interval '24 hours')
) partition by range (referred_at);
create table ad_referrals_default partition of ad_referrals default;
select make_day_partitions('ad_referrals', 'time', 2, 7);
create index on ad_referrals (referred_at);
create index on ad_referrals (tenant_id, person);
create index on windows (tenant_id, person);
"""

GRANTS = """
grant select, insert, update on persons, ad_referrals to consent;
grant select, insert on person_moves to consent;
"""


def upgrade() -> None:
    script(CONSENTS + EVENTS + PERSONS + ENTRY_POINTS + GRANTS)
