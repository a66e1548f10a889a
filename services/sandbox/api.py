"""The sandbox's one process: `python -m services.sandbox.api`."""

from starlette.types import ASGIApp

from services.kernel.http import create_app
from services.kernel.process import Process, run
from services.kernel.settings import load
from services.sandbox.graph import endpoints as graph
from services.sandbox.graph.connection import Connections
from services.sandbox.numbers import endpoints as numbers
from services.sandbox.people import endpoints as people
from services.sandbox.scenarios import endpoints as scenarios
from services.sandbox.sends import endpoints as sends
from services.sandbox.settings import Settings
from services.sandbox.webhooks import endpoints as webhooks
from services.sandbox.world import World


async def build(process: Process[Settings]) -> ASGIApp:
    """The world, resumed from its files, behind Meta's door and the controls."""
    world = World(process.settings)
    process.resources.push_async_callback(world.close)
    world.resume()
    process.task("webhooks", world.run)
    app = create_app("Sandbox", process)
    app.state.world = world
    app.router.routes.insert(0, graph.route(world))
    for slice_ in (sends, people, scenarios, numbers, webhooks):
        app.include_router(slice_.router)
    return Connections(app)


def main() -> None:
    run(Process(load(Settings)), build)


if __name__ == "__main__":
    main()
