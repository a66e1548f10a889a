"""What the quarantine needs to be replayed."""

from services.kernel import migrate

revision = "0002_replay"
down_revision = "0001_quarantine"
branch_labels = None
depends_on = None

# `signed_for`: what the signature of the webhook may speak about, which holds for the replay as well.
# `attempts` and `tried_at` are all that a replay may change of a row that it cannot finish.
COLUMNS = """
alter table quarantine
    drop constraint quarantine_reason_check,
    add constraint quarantine_reason_check
        check (reason in ('unknown_number', 'unknown_waba', 'malformed', 'too_large', 'wrong_signer')),
    add column waba_id text check (waba_id ~ '^[0-9]{1,32}$'),
    add column signed_for text[] not null default array['live']
        check (signed_for <@ array['live', 'test'] and cardinality(signed_for) > 0),
    add column parts integer not null default 1 check (parts >= 0),
    add column attempts integer not null default 0 check (attempts >= 0),
    add column tried_at timestamptz;
create index quarantine_waba on quarantine (waba_id, id);
create index quarantine_reason on quarantine (reason, id);
grant delete on quarantine to webhook;
grant update (attempts, tried_at) on quarantine to webhook;
"""


def upgrade() -> None:
    migrate.script(COLUMNS)
