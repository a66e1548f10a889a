"""Policy rules with citations, approved by two people; decisions that keep what was known in columns."""

from services.kernel.approvals import tables as approvals
from services.kernel.migrate import script

revision = "0004_policy"
down_revision = "0003_acts"
branch_labels = None
depends_on = None

# Append-only. Of the versions of one id the highest that has begun counts, so that a change, an end and a return are
# all new rows; `effective_to = effective_from` ends a rule. A final rule refuses whatever narrower rules say.
RULES = """
drop table policy_rules;
create table policy_rules (
    id text not null check (id ~ '^[a-z][a-z0-9-]{0,79}$'),
    version int not null check (version > 0),
    tenant_id uuid,
    tenant_class text not null check (tenant_class ~ '^([*]|[a-z_]{1,32})$'),
    category text not null check (category in ('service', 'utility', 'authentication', 'marketing', '*')),
    country text not null check (country ~ '^([*]|001|[A-Z]{2})$'),
    channel text not null check (channel in ('whatsapp', '*')),
    outcome text not null check (outcome in ('allow', 'refuse')),
    is_final boolean not null default false,
    citation text not null check (btrim(citation) <> ''),
    note_en text not null check (btrim(note_en) <> ''),
    note_ru text not null check (btrim(note_ru) <> ''),
    effective_from timestamptz not null,
    effective_to timestamptz check (effective_to >= effective_from),
    made_by text not null check (btrim(made_by) <> ''),
    made_at timestamptz not null default now(),
    approval_id uuid references approvals,
    primary key (id, version),
    constraint a_final_rule_refuses check (not is_final or outcome = 'refuse'),
    constraint a_rule_is_of_a_tenant_or_of_a_class check (tenant_id is null or tenant_class = '*')
);
"""

DEFAULTS = """
insert into policy_rules (id, tenant_class, category, country, outcome, is_final, effective_from, citation, note_en,
                          note_ru, version, channel, made_by, made_at)
select new.*, 1, 'whatsapp', 'shipped', timestamptz '2026-11-22 00:00:00+00'
  from (values
    ('authentication-allowed', '*', 'authentication', '*', 'allow', false, timestamptz '2000-01-01 00:00:00+00',
     'operator''s default',
     'one-time codes may go to people who agreed to them',
     'одноразовые коды можно слать тем, кто на них согласился'),
    ('service-allowed', '*', 'service', '*', 'allow', false, '2000-01-01 00:00:00+00',
     'operator''s default',
     'answers may go out inside the window',
     'отвечать можно, пока открыто окно'),
    ('utility-allowed', '*', 'utility', '*', 'allow', false, '2000-01-01 00:00:00+00',
     'operator''s default',
     'messages about something that the person ordered may go out',
     'сообщения о том, что человек заказал, разрешены'),
    ('advertising-forbidden', '*', 'marketing', '*', 'refuse', false, '2000-01-01 00:00:00+00',
     'operator''s default; 38-FZ art. 18 p. 1 and 2',
     'advertising is forbidden by default, whoever agreed to it; two people of the operator enable it for a tenant',
     'реклама запрещена по умолчанию, даже при согласии; включают её для клиента два сотрудника оператора'),
    ('advertising-to-russia', '*', 'marketing', 'RU', 'refuse', false, '2025-09-01 00:00:00+03',
     '38-FZ art. 5 p. 10.7 (72-FZ of 2025-04-07); FAS, March 2026',
     'advertising to Russia is restricted on this channel (POLICY_RU_AD_RESTRICTED); an approval must name RU',
     'реклама в Россию по этому каналу ограничена (POLICY_RU_AD_RESTRICTED); разрешение должно называть RU'),
    ('fz41-state', 'state', '*', 'RU', 'refuse', true, '2025-06-01 00:00:00+03',
     '41-FZ of 2025-04-01',
     'state bodies and state firms may not write to people in Russia through foreign messengers',
     'госорганам и госкомпаниям нельзя писать людям в России через иностранные мессенджеры'),
    ('fz41-finance', 'finance', '*', 'RU', 'refuse', true, '2025-06-01 00:00:00+03',
     '41-FZ of 2025-04-01',
     'banks and other financial organisations may not write to people in Russia through foreign messengers',
     'банкам и другим финансовым организациям нельзя писать людям в России через иностранные мессенджеры'),
    ('fz41-telecom', 'telecom', '*', 'RU', 'refuse', true, '2025-06-01 00:00:00+03',
     '41-FZ of 2025-04-01',
     'telecom operators may not write to people in Russia through foreign messengers',
     'операторам связи нельзя писать людям в России через иностранные мессенджеры'),
    ('fz41-marketplace', 'marketplace', '*', 'RU', 'refuse', true, '2025-06-01 00:00:00+03',
     '41-FZ of 2025-04-01',
     'marketplaces and aggregators may not write to people in Russia through foreign messengers',
     'маркетплейсам и агрегаторам нельзя писать людям в России через иностранные мессенджеры'),
    ('fz41-large-site', 'large_site', '*', 'RU', 'refuse', true, '2025-06-01 00:00:00+03',
     '41-FZ of 2025-04-01',
     'sites with more than 500,000 visitors a day may not write to people in Russia through foreign messengers',
     'сайтам с более чем 500 000 посетителей в сутки нельзя писать людям в России через иностранные мессенджеры')
  ) as new;
insert into policy_rules (id, tenant_class, category, country, outcome, is_final, effective_from, citation, note_en,
                          note_ru, version, channel, made_by, made_at)
select 'country-blocked-' || lower(blocked.country), '*', '*', blocked.country, 'refuse', true,
       '2000-01-01 00:00:00+00', 'WhatsApp Business Platform: countries that cannot be messaged (error 130497)',
       blocked.name_en || ' cannot be messaged by businesses', blocked.name_ru || ': бизнесу писать туда нельзя', 1,
       '*', 'shipped', '2026-11-22 00:00:00+00'
  from (values ('CU', 'Cuba', 'Куба'), ('IR', 'Iran', 'Иран'), ('KP', 'North Korea', 'Северная Корея'),
               ('SY', 'Syria', 'Сирия'), ('VE', 'Venezuela', 'Венесуэла'))
    as blocked (country, name_en, name_ru);
"""

# What may let more go out needs an approval, and that must be given by the end of the transaction. The shipped rules
# are older than both (not valid: existing rows are not looked at).
TWO_PEOPLE = """
alter table policy_rules add constraint allowing_takes_two_people
    check (approval_id is not null
           or case outcome when 'refuse' then version = 1 or effective_to is null
                           else effective_to is not distinct from effective_from end) not valid;
create function require_given_approval() returns trigger language plpgsql as $$
begin
    if not exists (select 1 from approvals where id = new.approval_id and kind = 'policy.rules' and state = 'approved'
                   and requested_by = new.made_by) then
        raise exception 'a rule needs an approval that was given' using errcode = 'check_violation',
            constraint = 'an_approval_is_given', table = tg_table_name;
    end if;
    return null;
end $$;
create constraint trigger an_approval_is_given after insert on policy_rules deferrable initially deferred
    for each row when (new.approval_id is not null) execute function require_given_approval();
create function refuse_rule_change() returns trigger language plpgsql as $$
begin
    raise exception 'a rule is never changed: add a version' using errcode = 'restrict_violation',
        table = tg_table_name;
end $$;
create trigger keep before update or delete or truncate on policy_rules
    for each statement execute function refuse_rule_change();
"""

# The words of a trace are made when it is read: what was known stands in columns, which are mostly null and then free.
DECISIONS = """
alter table decisions drop column trace,
    add column tenant_class text not null default '',
    add column rule_id text not null default '',
    add column rule_version int not null default 0,
    add column state text,
    add column since timestamptz,
    add column source text,
    add column last_withdrawn_at timestamptz,
    add column last_inbound_at timestamptz,
    add column entry_point_expires_at timestamptz;
"""

# What was cleared and is stopped right before its call is decided anew, with what is known then: few rows.
STOPS = """
create table stops (like decisions including defaults) partition by range (message_id);
alter table stops drop column is_cleared, add primary key (tenant_id, message_id), alter column code set not null;
create table stops_default partition of stops default;
select make_day_partitions('stops', 'uuid7', 2, 7);
"""

GRANTS = """
grant select, insert on policy_rules, stops to consent;
revoke execute on function require_given_approval, refuse_rule_change from public;
"""


def upgrade() -> None:
    approvals.install("consent")
    script(RULES + DEFAULTS + TWO_PEOPLE + DECISIONS + STOPS + GRANTS)
