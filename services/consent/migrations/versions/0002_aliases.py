"""Which person a BSUID is: keyed indexes on both sides."""

from services.kernel.migrate import script

revision = "0002_aliases"
down_revision = "0001_consent"
branch_labels = None
depends_on = None

ALIASES = """
create table person_aliases (
    tenant_id uuid not null,
    alias text not null,
    person text not null,
    seen_at timestamptz not null,
    primary key (tenant_id, alias),
    constraint an_alias_is_another_index check (alias <> person)
);
grant select, insert, update on person_aliases to consent;
"""


def upgrade() -> None:
    script(ALIASES)
