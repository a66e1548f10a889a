"""Media, stored sealed on the filesystem, and Meta's ids of inbound messages."""

from services.kernel import migrate

revision = "0005_media"
down_revision = "0004_api_keys"
branch_labels = None
depends_on = None

# Sealed with the data key of the webhook, which is where it came from.
INBOUND_WAMID = """
alter table inbound_messages add column wamid bytea;
"""

# The bytes themselves are files. `details` is sealed: Meta's id, the digest and the file's name. `due_at` is when an
# inbound file is fetched next, `lease_until` that somebody is fetching it now; `usable_until` is how long Meta knows
# its own id, `expires_at` how long we keep the file.
MEDIA = """
create table media (
    tenant_id uuid not null,
    id uuid not null,
    direction text not null check (direction in ('inbound', 'uploaded')),
    state text not null check (state in ('pending', 'ready', 'expired', 'failed', 'deleted')),
    phone_number_id text not null,
    inbound_id uuid,
    mime text,
    bytes bigint check (bytes >= 0),
    details bytea,
    attempt int not null default 0,
    due_at timestamptz not null default now(),
    tried_at timestamptz,
    lease_until timestamptz,
    error_code int,
    created_at timestamptz not null default now(),
    usable_until timestamptz,
    expires_at timestamptz not null,
    primary key (tenant_id, id),
    constraint inbound_has_a_message check ((direction = 'inbound') = (inbound_id is not null)),
    constraint ready_is_whole check (state <> 'ready' or num_nulls(mime, bytes, details) = 0),
    constraint failed_says_why check (state <> 'failed' or error_code is not null)
) with (fillfactor = 85);
create index media_due on media (tenant_id, due_at) where state = 'pending' and direction = 'inbound';
create index media_uploading on media (created_at) where state = 'pending' and direction = 'uploaded';
create index media_at_meta on media (due_at) where state = 'deleted' and details is not null;
create index media_ends on media (expires_at) where state in ('pending', 'ready');
create index media_kept on media (tenant_id, direction) include (bytes, state) where state in ('pending', 'ready');
grant select, insert, update, delete on media to gateway;
"""


def upgrade() -> None:
    for part in (INBOUND_WAMID, MEDIA):
        migrate.script(part)
