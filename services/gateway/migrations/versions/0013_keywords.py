"""A tenant's own words for STOP and START, what people are told then, and who is to be told."""

from services.kernel import migrate

revision = "0013_keywords"
down_revision = "0012_dispatch"
branch_labels = None
depends_on = None

# A null text is the shipped one. `confirm` waits in the row for the content that names the person.
KEYWORDS = """
alter table tenants
    add column stop_words text[] not null default '{}',
    add column start_words text[] not null default '{}',
    add column stop_confirmation text,
    add column start_confirmation text;
alter table inbound_messages add column confirm text check (confirm in ('stopped', 'started'));
"""


def upgrade() -> None:
    migrate.script(KEYWORDS)
