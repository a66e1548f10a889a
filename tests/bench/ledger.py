"""What billing's own database says when everything is over."""

from typing import Any

import asyncpg

SUM = "select coalesce(sum(balance_micros), 0)::bigint from accounts"
# Balances are kept by a trigger; the entries themselves must give the same.
WRONG = """
    select count(*) from accounts a
     where a.balance_micros <>
           coalesce((select sum(t.amount_micros) from transfers t where t.tenant_id = a.tenant_id
                      and t.currency = a.currency and t.credit = a.kind), 0)
         - coalesce((select sum(t.amount_micros) from transfers t where t.tenant_id = a.tenant_id
                      and t.currency = a.currency and t.debit = a.kind), 0)
"""
HELD = "select coalesce(sum(balance_micros), 0)::bigint from accounts where kind = 'held'"
CAPTURED = "select count(*) from reservations where state = 'captured'"
MICROS = 1_000_000


async def read(dsn: str) -> dict[str, Any]:
    """`sum` must be 0 (in major units), `wrong_balances` too; `held` is what messages without an end still hold."""
    connection = await asyncpg.connect(dsn)
    try:
        return {
            "sum": await connection.fetchval(SUM) / MICROS,
            "wrong_balances": await connection.fetchval(WRONG),
            "held": await connection.fetchval(HELD) / MICROS,
            "captured_messages": await connection.fetchval(CAPTURED),
        }
    finally:
        await connection.close()
