"""Which person a BSUID is: keyed indexes on both sides."""

from services.kernel import migrate

revision = "0010_aliases"
down_revision = "0009_lifetimes"
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
grant select, insert, update on person_aliases to gateway;
"""


def upgrade() -> None:
    migrate.script(ALIASES)
