"""The webhook process: Meta's door, the quarantine behind it, and nothing else."""

from functools import partial
from typing import Any

from pydantic import SecretStr
from starlette.types import ASGIApp

from services.kernel import crypto, settings
from services.kernel.hot import HotApp
from services.kernel.http import create_app
from services.kernel.process import Process, ServiceProcess, run
from services.webhook.intake import endpoints
from services.webhook.intake.service import Intake
from services.webhook.migrate import MIGRATIONS
from services.webhook.quarantine.keeping import keep as keep_quarantine
from services.webhook.quarantine.service import Quarantine
from services.webhook.replay.endpoints import router as replay_router
from services.webhook.replay.service import Replay
from services.webhook.settings import MetaSettings, Settings
from services.webhook.signatures.service import Signers


async def build(process: ServiceProcess[Settings]) -> ASGIApp:
    """Database, broker and tenants first, then the door."""
    own = process.settings
    database = await process.open_database(MIGRATIONS)
    quarantine = Quarantine(database, crypto.unb64url(own.platform.public_key))
    directory = process.open_directory(_key(own.box.private_key))
    intake = Intake(directory, process.open_publisher(), quarantine)
    intake.batcher.start()
    process.resources.push_async_callback(intake.batcher.stop)
    private_key = _key(own.platform.private_key) if own.platform.private_key else None
    replay = Replay(database=database, directory=directory, intake=intake, held=quarantine, private_key=private_key)
    process.task("replay", replay.run)
    process.task("quarantine", partial(keep_quarantine, database, days=own.quarantine_days))
    word = own.meta.verify_token.get_secret_value().encode()
    app = create_webhook_app(process, intake, signers=_signers(own.meta), verify_token=word)
    app.state.database, app.state.replay = database, replay
    return app


def create_webhook_app(process: Process[Any], intake: Intake, *, signers: Signers, verify_token: bytes) -> HotApp:
    """The routes of the process."""
    app = create_app("webhook", process, body_bytes_max=endpoints.BODY_BYTES_MAX)
    app.include_router(replay_router)
    app.router.routes.append(endpoints.handshake_route(verify_token))
    app.add_hot_route(endpoints.reports_route(intake, signers))
    return app


def _signers(meta: MetaSettings) -> Signers:
    live, test = (
        [secret.get_secret_value().encode() for secret in secrets]
        for secrets in (meta.app_secrets, meta.test_app_secrets)
    )
    return Signers(live=live, test=test)


def _key(secret: SecretStr) -> bytes:
    return crypto.unb64url(secret.get_secret_value())


def main() -> None:
    run(ServiceProcess(settings.load(Settings)), build)


if __name__ == "__main__":
    main()
