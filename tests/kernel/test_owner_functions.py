"""Functions that run as the owner: the service's role cannot slip relations of its own under them."""

from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.kernel.db import Database
from services.kernel.errors import sqlstate_of
from tests.fixtures.infrastructure import SERVICES

# A temporary schema that a search path does not name comes before all others.
EXPOSED = text("""
    select p.proname from pg_proc p
     where p.pronamespace = cast('public' as regnamespace) and p.prosecdef
       and (p.proconfig is null or not 'search_path=public, pg_temp' = any (p.proconfig)
            or has_function_privilege('public', p.oid, 'execute'))
""")
SLIP_IN = (
    """create function pg_temp.slip() returns text[] language plpgsql as $$
       begin
           grant update on accounts to billing;
           return array['fillfactor=70'];
       end $$""",
    "create temp view pg_class as select pg_temp.slip() as reloptions, cast(to_regclass('seen_default') as oid) as oid",
    "grant select on pg_temp.pg_class to public",
    "select make_day_partitions('seen', 'time', 2, 7)",
)


@pytest.mark.parametrize("service", SERVICES)
async def test_they_look_for_everything_in_the_owners_schema_first(
    make_database: Callable[[str], Awaitable[Database]], service: str
) -> None:
    database = await make_database(service)
    async with database.transaction() as connection:
        assert list((await connection.execute(EXPOSED)).scalars()) == []


async def test_a_view_of_the_roles_own_is_not_read_as_the_owner(
    make_database: Callable[[str], Awaitable[Database]],
) -> None:
    database = await make_database("billing")
    async with database.transaction() as connection:
        for statement in SLIP_IN:
            await connection.execute(text(statement))
        with pytest.raises(DBAPIError) as refused:
            await connection.execute(text("update accounts set credit_limit_micros = 1"))
    assert sqlstate_of(refused.value) == "42501"
