"""A tenant of its own for each test of keys."""

import pytest

from tests.gateway.api_keys.stand import Keyholder, new_keyholder
from tests.gateway.stand import Gateway


@pytest.fixture
async def holder(gateway: Gateway) -> Keyholder:
    return await new_keyholder(gateway)
