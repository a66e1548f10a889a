"""How much of one kind may run at the same time in one process, for one tenant and for all of them."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

WAITERS_PER_TENANT_MAX = 10  # each asks the database five times a second
WAITERS_MAX = 200
DOWNLOADS_PER_TENANT_MAX = 16
DOWNLOADS_MAX = 200  # two mebibytes of memory each


class Places:
    """Places that are taken for a while."""

    def __init__(self, *, of_tenant_max: int, in_all_max: int) -> None:
        self._of_tenant_max = of_tenant_max
        self._in_all_max = in_all_max
        self._taken: Counter[UUID] = Counter()  # of tenants that have any

    @contextmanager
    def take(self, tenant_id: UUID, full: Exception) -> Iterator[None]:
        """Hold a place during the block; raises `full` where none is free."""
        if self._taken[tenant_id] >= self._of_tenant_max or self._taken.total() >= self._in_all_max:
            raise full
        self._taken[tenant_id] += 1
        try:
            yield
        finally:
            self._taken -= Counter([tenant_id])
