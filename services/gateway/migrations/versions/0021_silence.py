"""Messages of a stretch of time are found without reading the whole day."""

from services.kernel.migrate import script

revision = "0021_silence"
down_revision = "0020_places"
branch_labels = None
depends_on = None

# Ids begin with their time and rows are stored as they come, so each stretch of pages holds a stretch of ids: to know
# which takes a few bytes a megabyte, and a row that moves on changes nothing in it.
BY_TIME = "create index messages_by_time on messages using brin (id) with (pages_per_range = 64, autosummarize = on)"


def upgrade() -> None:
    script(BY_TIME)
