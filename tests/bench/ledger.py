"""What billing's own database says when everything is over."""

from typing import Any

import asyncpg

SUM = "select coalesce(sum(balance_micros), 0)::bigint from accounts"
# Balances are kept by a trigger; the entries themselves must give the same.
WRONG = """
    with entries as (
        select tenant_id, currency, credit as kind, amount_micros as micros from transfers
         union all
        select tenant_id, currency, debit, -amount_micros from transfers
    ), booked as (
        select tenant_id, currency, kind, sum(micros) as micros from entries group by 1, 2, 3
    )
    select count(*) from accounts a left join booked b using (tenant_id, currency, kind)
     where a.balance_micros <> coalesce(b.micros, 0)
"""
HELD = "select coalesce(sum(balance_micros), 0)::bigint from accounts where kind = 'held'"
CAPTURED = "select count(*) from reservations where state = 'captured'"
MICROS = 1_000_000


async def read(dsn: str) -> dict[str, Any]:
    """`sum` must be 0 (in major units), `wrong_balances` too; `held` is what messages without an end still hold."""
    # After an hour there are millions of entries to add up; the role's own limit is for the service.
    connection = await asyncpg.connect(dsn, server_settings={"statement_timeout": "0"})
    try:
        return {
            "sum": await connection.fetchval(SUM) / MICROS,
            "wrong_balances": await connection.fetchval(WRONG),
            "held": await connection.fetchval(HELD) / MICROS,
            "captured_messages": await connection.fetchval(CAPTURED),
        }
    finally:
        await connection.close()
