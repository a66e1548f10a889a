"""The process as it is started."""

from fastapi import FastAPI
from sqlalchemy import text

from services.consent.api import build
from services.kernel.db import Database
from services.kernel.process import ServiceProcess
from tests.consent.stand import Keys
from tests.fixtures.infrastructure import Infrastructure, database_settings


async def test_only_the_question_keeps_its_plans(
    database: Database, keys: Keys, infrastructure: Infrastructure
) -> None:
    """It comes some ten times a second and probes keys; lists are planned for the filters that they are given."""
    name = str(database.engine.url.database)
    process = ServiceProcess(
        keys.settings(database_settings(infrastructure, "consent", name), infrastructure.kafka, "consent-api")
    )
    async with process.resources:
        app = await build(process)
        assert isinstance(app, FastAPI)
        modes = []
        for pool in (app.state.database, app.state.question_database):
            async with pool.transaction() as connection:
                modes.append(await connection.scalar(text("show plan_cache_mode")))
    assert modes == ["force_custom_plan", "auto"]
