"""What Meta says about templates, numbers and accounts."""

from services.kernel import migrate

revision = "0007_platform"
down_revision = "0006_endpoints"
branch_labels = None
depends_on = None

# Each thing has the time at which Meta said it: what it said earlier never overwrites it. The words are Meta's own.
TEMPLATES = """
alter table templates
    add column meta_status text,
    add column status_reason text,
    add column status_at timestamptz,
    add column quality text,
    add column quality_at timestamptz,
    add column category_at timestamptz
"""
NUMBERS = """
alter table numbers
    add column quality_event text,
    add column messaging_limit text,
    add column quality_at timestamptz,
    add column name_decision text,
    add column name_at timestamptz
"""

# One row for each aspect of an account: what Meta said of it last.
STANDINGS = """
create table waba_standings (
    tenant_id uuid not null,
    waba_id text not null,
    aspect text not null check (aspect in ('connection', 'restrictions', 'violation', 'ban', 'review', 'limits')),
    value jsonb not null,
    at timestamptz not null,
    primary key (tenant_id, waba_id, aspect)
);
grant select, insert, update on waba_standings to gateway
"""


def upgrade() -> None:
    migrate.script(";".join((TEMPLATES, NUMBERS, STANDINGS)))
