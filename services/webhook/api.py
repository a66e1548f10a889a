"""The webhook process: Meta's door, and nothing else."""

from starlette.types import ASGIApp

from services.kernel import crypto, settings
from services.kernel.http import create_app
from services.kernel.process import ServiceProcess, run
from services.webhook.intake import endpoints
from services.webhook.intake.service import Intake
from services.webhook.migrate import MIGRATIONS
from services.webhook.quarantine.service import Quarantine
from services.webhook.settings import Settings


async def build(process: ServiceProcess[Settings]) -> ASGIApp:
    """Database, broker and tenants first, then the door."""
    own = process.settings
    quarantine = Quarantine(await process.open_database(MIGRATIONS), crypto.unb64url(own.platform.public_key))
    directory = process.open_directory(crypto.unb64url(own.box.private_key.get_secret_value()))
    intake = Intake(directory, await process.open_publisher(), quarantine)
    intake.batcher.start()
    process.resources.push_async_callback(intake.batcher.stop)
    app = create_app("webhook", process, body_bytes_max=endpoints.BODY_BYTES_MAX)
    app.router.routes.extend(
        endpoints.routes(
            intake,
            app_secrets=[secret.get_secret_value().encode() for secret in own.meta.app_secrets],
            verify_token=own.meta.verify_token.get_secret_value().encode(),
        )
    )
    return app


def main() -> None:
    run(ServiceProcess(settings.load(Settings)), build)


if __name__ == "__main__":
    main()
