"""A message whose call did not begin keeps its place in the conversation."""

from services.kernel.migrate import script

revision = "0020_places"
down_revision = "0018_retention"
branch_labels = None
depends_on = None

# An attempt is counted when it is recorded, and may end before its call: only an answer of Meta's says that it began.
CALLED = """
alter table dispatch_queue add column was_called boolean not null default false;
update dispatch_queue set was_called = true where attempt > 0;
"""

# Whatever these two procedures say otherwise stays as it is.
PLACES = """
do $$
declare
    name regproc;
begin
    foreach name in array array['claim_messages', 'step_aside']::regproc[] loop
        if position('e.attempt = 0' in pg_get_functiondef(name)) = 0 then
            raise exception '% does not say whose place is kept', name;
        end if;
        execute replace(pg_get_functiondef(name), 'e.attempt = 0', 'not e.was_called');
    end loop;
end $$;
"""


def upgrade() -> None:
    for part in (CALLED, PLACES):
        script(part)
