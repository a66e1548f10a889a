"""How late replies are, told by the workers to the doors."""

from services.kernel.migrate import script

revision = "0017_pressure"
down_revision = "0016_moves"
branch_labels = None
depends_on = None

# worker: one running process; strain: how many times as long mailings rest, from 1 on.
PRESSURE = """
create table pressure (
    worker uuid primary key,
    strain float8 not null check (strain >= 1),
    told_at timestamptz not null
) with (fillfactor = 50);
grant select, insert, update, delete on pressure to gateway;
"""


def upgrade() -> None:
    script(PRESSURE)
