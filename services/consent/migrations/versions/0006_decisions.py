"""A BSUID keeps every number beside which it was seen."""

from services.kernel.migrate import script

revision = "0006_decisions"
down_revision = "0005_silence"
branch_labels = None
depends_on = None

# Who was seen beside another number has left the first one: what was stopped there must stay so.
ALIASES = """
alter table person_aliases
    add column first_seen_at timestamptz,
    drop constraint person_aliases_pkey,
    add primary key (tenant_id, alias, person);
update person_aliases set first_seen_at = seen_at;
alter table person_aliases
    alter column first_seen_at set not null,
    add constraint it_is_first_seen_before_it_is_last_seen check (first_seen_at <= seen_at);
"""


def upgrade() -> None:
    script(ALIASES)
