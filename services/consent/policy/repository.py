"""All SQL of the policy rules."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

_VALID = text("""
    select id, version, tenant_class, category, country, channel, outcome, valid_from from policy_rules
     where valid_from <= :at and (valid_until is null or valid_until > :at)
""")


async def valid(connection: AsyncConnection, at: datetime) -> Sequence[Row[Any]]:
    """The rules in force at a moment: tens of rows."""
    return (await connection.execute(_VALID, {"at": at})).all()
