"""Messages that may wait longer than a day are found when their time is long over."""

from services.kernel import migrate

revision = "0009_lifetimes"
down_revision = "0008_reading"
branch_labels = None
depends_on = None

# Without the state, which changes often: an index on it would make every change of a row dearer.
LONG_LIVED = """
create index messages_long_lived on messages (expires_at) where expires_at - accepted_at > interval '25 hours'
"""


def upgrade() -> None:
    migrate.script(LONG_LIVED)
