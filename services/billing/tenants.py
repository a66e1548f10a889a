"""The tenant that a path names: one that billing knows."""

import asyncio
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request

from services.kernel.errors import NotFound

# A tenant that was made a moment ago is still on its way here.
PATIENCE_SECONDS, LOOK_SECONDS = 3.0, 0.05


async def _known(tenant_id: UUID, request: Request) -> UUID:
    """The tenant of the path. Raises NotFound: money of a tenant that does not exist would be nobody's."""
    for _ in range(int(PATIENCE_SECONDS / LOOK_SECONDS)):
        if request.app.state.payer_of(tenant_id) is not None:
            return tenant_id
        await asyncio.sleep(LOOK_SECONDS)
    raise NotFound("there is no such tenant")


KnownTenant = Annotated[UUID, Depends(_known)]
