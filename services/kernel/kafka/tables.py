"""The kernel's tables in every service's database: first-sight rows, the outbox, the partition maker."""

from services.kernel import migrate, partitions

# Partitioned by the time inside the fact, so that a redelivery always meets its own row.
SEEN = """
create table seen (
    group_name text not null,
    event_id uuid not null,
    occurred_at timestamptz not null,
    primary key (group_name, event_id, occurred_at)
) partition by range (occurred_at);
create table seen_default partition of seen default;
"""

OUTBOX = """
create table outbox (
    id bigint generated always as identity primary key,
    topic text not null,
    key bytea not null,
    value bytea not null,
    event_type text not null,
    event_id uuid not null
);
"""

PARTITIONED = {"seen": "time"}


GRANTS = """
grant usage on schema public to {role};
grant select, insert, update, delete on seen, outbox to {role};
grant select on alembic_version to {role};
revoke execute on function make_day_partitions from public;
grant execute on function make_day_partitions to {role};
"""


def install(role: str) -> None:
    """Create the kernel's tables in a service's first migration and grant them to its `role`."""
    migrate.script(partitions.FUNCTION + SEEN + OUTBOX + GRANTS.format(role=role))
