"""After a STOP only its one confirmation passes."""

from services.kernel.migrate import script

revision = "0005_silence"
down_revision = "0004_policy"
branch_labels = None
depends_on = None

# Null is the tenant's own message.
ORIGIN = """
alter table decisions add column origin text check (origin = 'confirmation');
alter table stops add column origin text check (origin = 'confirmation');
"""


def upgrade() -> None:
    script(ORIGIN)
