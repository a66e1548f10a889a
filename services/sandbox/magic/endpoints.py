"""`GET /_sandbox/magic`: the table of the magic numbers."""

from fastapi import APIRouter, Request

from services.sandbox.magic.schemas import MagicTable

router = APIRouter(prefix="/_sandbox/magic")


@router.get("")
async def magic(request: Request) -> MagicTable:
    """Every number that always behaves in one way."""
    table: MagicTable = request.app.state.world.magic.table()
    return table
