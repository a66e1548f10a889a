"""Before the tenants are read everything would look unknown, so the door stays shut."""

from starlette.types import Message

from services.kernel.db import Database
from services.kernel.http import create_app
from services.kernel.kafka.publisher import Publisher
from services.kernel.process import Process
from services.kernel.settings import HttpSettings, ProcessSettings
from services.kernel.tenants import TenantDirectory
from services.webhook.intake.endpoints import reports_route
from services.webhook.intake.service import Intake
from services.webhook.quarantine.service import Quarantine
from services.webhook.signatures.service import Signers
from tests.fixtures.infrastructure import Infrastructure
from tests.webhook import meta
from tests.webhook.door import SECRETS, Boxes, Door, Tenant, Topics


async def test_nothing_is_taken_before_the_tenants_are_read(
    infrastructure: Infrastructure, database: Database, publisher: Publisher, boxes: Boxes, tenant: Tenant
) -> None:
    directory = TenantDirectory(infrastructure.kafka, service="webhook", private_key=boxes.webhook[0])
    intake = Intake(directory, publisher, Quarantine(database, boxes.platform[1]))
    app = create_app("webhook", Process(ProcessSettings(process_name="webhook-api", http=HttpSettings(port=0))))
    app.add_hot_route(reports_route(intake, Signers(live=[SECRETS[0].encode()])))
    body = meta.example("inbound_text", phone_number_id=tenant.phone_number_id, wamid=meta.new_wamid())
    headers = [(name.lower().encode(), value.encode()) for name, value in meta.signed(SECRETS[0], body).items()]
    scope = {"type": "http", "method": "POST", "path": "/webhook", "query_string": b"", "headers": headers}
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    assert sent[0]["status"] == 503
    assert (b"retry-after", b"1") in sent[0]["headers"]


async def test_a_number_that_appears_later_is_known_without_a_restart(
    door: Door, topics: Topics, publisher: Publisher, boxes: Boxes
) -> None:
    newcomer = Tenant()
    await publisher.publish(newcomer.facts(boxes.webhook[1]))
    for _ in range(100):  # until the process has read it, the number is unknown and its reports go into quarantine
        body = meta.webhook(meta.about(newcomer.phone_number_id, statuses=[meta.status(meta.new_wamid())]))
        assert await door.post(body) == 200
        if await topics.facts_of(newcomer):
            return
    raise AssertionError("the newcomer was never known")
