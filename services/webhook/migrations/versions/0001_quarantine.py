"""The quarantine: sealed parts of webhooks that no tenant could be given."""

from alembic import op

revision = "0001_quarantine"
down_revision = None

QUARANTINE = """
create table quarantine (
    id uuid primary key,
    held_at timestamptz not null,
    reason text not null check (reason in ('unknown_number', 'malformed', 'too_large')),
    phone_number_id text check (phone_number_id ~ '^[0-9]{1,32}$'),
    content bytea not null
)
"""


def upgrade() -> None:
    op.execute(QUARANTINE)
    # An operator replays what came for a number before its tenant was known.
    op.execute("create index quarantine_number on quarantine (phone_number_id, held_at)")
    op.execute("grant usage on schema public to webhook")
    op.execute("grant select, insert on quarantine to webhook")
    op.execute("grant select on alembic_version to webhook")
