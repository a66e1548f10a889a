"""Up to 250 updates in one POST: an endpoint with half of a busy system's traffic needs fewer, fuller ones."""

from services.kernel.migrate import script

revision = "0022_updates"
down_revision = "0021_silence"
branch_labels = None
depends_on = None

# Whoever has 100 asked for as many as there may be, or for nothing.
UPDATES = """
alter table callback_endpoints
    drop constraint callback_endpoints_max_updates_check,
    alter column max_updates set default 250;
update callback_endpoints set max_updates = 250 where max_updates = 100;
alter table callback_endpoints
    add constraint callback_endpoints_max_updates_check check (max_updates between 1 and 250);
"""


def upgrade() -> None:
    script(UPDATES)
