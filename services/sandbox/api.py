"""The sandbox's one process: `python -m services.sandbox.api`."""

from starlette.applications import Starlette
from starlette.types import ASGIApp

from services.kernel.http import create_app
from services.kernel.process import Process, run
from services.kernel.settings import load
from services.sandbox.doors import Doors
from services.sandbox.graph import endpoints as graph
from services.sandbox.graph import management, nodes, uploads
from services.sandbox.magic import endpoints as magic
from services.sandbox.numbers import endpoints as numbers
from services.sandbox.people import endpoints as people
from services.sandbox.phones import endpoints as phones
from services.sandbox.platform import endpoints as platform
from services.sandbox.scenarios import endpoints as scenarios
from services.sandbox.scripts import endpoints as scripts
from services.sandbox.sends import endpoints as sends
from services.sandbox.settings import Settings
from services.sandbox.templates import endpoints as templates
from services.sandbox.webhooks import endpoints as webhooks
from services.sandbox.world import World

SLICES = (sends, people, scripts, scenarios, numbers, templates, platform, magic, phones, webhooks)


async def build(process: Process[Settings]) -> ASGIApp:
    """The world, resumed from its files, behind Meta's door and the controls."""
    world = World(process.settings)
    process.resources.push_async_callback(world.close)
    world.resume()
    process.task("webhooks", world.run)
    app = create_app("Sandbox", process)
    app.state.world = world
    app.add_hot_route(graph.MESSAGES)
    for slice_ in SLICES:
        app.include_router(slice_.router)
    app.router.routes.extend([*nodes.routes, *management.routes, *uploads.routes])
    large = Starlette(routes=uploads.routes)
    large.state.world = world
    app.add_middleware(Doors, uploads=large, control_token=world.control_token)
    return app


def main() -> None:
    run(Process(load(Settings)), build)


if __name__ == "__main__":
    main()
