"""Which tenant a tenant's token speaks for."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends

from services.kernel.errors import Forbidden
from services.kernel.http import CallerTenant


def _tenant_of(caller: CallerTenant) -> UUID:
    if caller.tenant_id is None:
        raise Forbidden("this route is for a tenant: the token names none")
    return caller.tenant_id


CallerOfTenant = Annotated[UUID, Depends(_tenant_of)]
