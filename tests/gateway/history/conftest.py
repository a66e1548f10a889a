"""The desk in the database of the running gateway."""

import pytest

from services.kernel.db import Database
from tests.gateway.messages.stand import Desk
from tests.gateway.stand import Gateway


@pytest.fixture
def desk(gateway: Gateway, gateway_database: Database) -> Desk:
    return Desk(gateway_database)
