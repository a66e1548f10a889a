"""A client of the Cloud API works by changing its base URL: pywa, unmodified, does everything that a bot does."""

import asyncio
import struct
import zlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import web
from pywa.errors import ReEngagementMessage, WhatsAppError
from pywa.types import Button, Contact, MessageStatusType, Section, SectionList, SectionRow
from pywa.types.templates import BodyText, TemplateLanguage
from standardwebhooks import Webhook

from tests.e2e.clients.pywa_client import Bot, bot
from tests.e2e.conftest import World
from tests.e2e.harness.tenants import TEMPLATE, Tenant, new_person

SENT = MessageStatusType.SENT
DELIVERED = MessageStatusType.DELIVERED


@pytest.fixture
async def talking(world: World, tenant: Tenant) -> AsyncIterator[tuple[Bot, str]]:
    """A bot whose webhook server is the tenant's endpoint, and a person who has just written to it."""
    with bot(
        gateway=tenant.gateway,
        phone_number_id=tenant.phone_number_id,
        waba_id=tenant.waba_id,
        api_key=tenant.api_key,
        secret=tenant.callback_secret,
    ) as running:
        assert (await tenant.call("PUT", "/v1/callback", {"url": running.url})).status == 200
        person = await tenant.new_person()
        await world.sandbox.write(person, "Здравствуйте! 🙂 مرحبا", tenant.phone_number_id)
        yield running, person


async def do(function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """Pywa is synchronous: its calls run beside the loop. Its errors cannot be raised through a context manager."""
    try:
        return await asyncio.to_thread(function, *arguments, **named)
    except WhatsAppError as error:
        raise AssertionError(str(error)) from None


async def heard(running: Bot) -> Any:
    return await do(running.messages.get, timeout=30)


async def test_pywa_hears_a_person_and_answers_marks_types_quotes_and_reacts(talking: tuple[Bot, str]) -> None:
    running, person = talking
    message = await heard(running)
    assert message.text == "Здравствуйте! 🙂 مرحبا"
    assert message.from_user.wa_id == person.removeprefix("+")
    assert (await do(message.mark_as_read)).success
    assert (await do(message.indicate_typing)).success
    answer = await do(message.reply_text, "Чем помочь? 🤝 שלום", quote=True, tracker="talk-1")
    reaction = await do(message.react, "👍", tracker="talk-2")
    delivered = await do(running.wait_status, answer.id, DELIVERED)
    assert delivered.tracker == "talk-1"
    assert (await do(running.wait_status, reaction.id, SENT)).tracker == "talk-2"


async def test_pywa_sends_every_kind_of_message_with_its_own_tracker(talking: tuple[Bot, str]) -> None:
    running, person = talking
    await heard(running)
    wa = running.client
    rows = [SectionRow(title="Самовывоз", callback_data="pick-up"), SectionRow(title="Курьер", callback_data="courier")]
    sections = SectionList("Выбрать", [Section(title="Доставка", rows=rows)])
    contact = Contact(
        name=Contact.Name(formatted_name="Иван Петров", first_name="Иван"), phones=[Contact.Phone(phone="+79161234567")]
    )
    sent = {
        "text": await do(wa.send_message, person, "Текст", tracker="text"),
        "buttons": await do(
            wa.send_message, person, "Да?", buttons=[Button("Да", "yes"), Button("Нет", "no")], tracker="buttons"
        ),
        "list": await do(wa.send_message, person, "Как доставить?", buttons=sections, tracker="list"),
        "image": await do(wa.send_image, person, "https://example.com/a.png", caption="Фото", tracker="image"),
        "upload": await do(wa.send_image, person, a_png(), mime_type="image/png", tracker="upload"),
        "location": await do(wa.send_location, person, 55.75, 37.61, name="Москва", tracker="location"),
        "contact": await do(wa.send_contact, person, contact, tracker="contact"),
    }
    for tracker, message in sent.items():
        assert (await do(running.wait_status, message.id, DELIVERED)).tracker == tracker


async def test_pywa_sends_a_template_with_a_tracker_to_who_consented(tenant: Tenant, talking: tuple[Bot, str]) -> None:
    running, _ = talking
    person = await tenant.new_person()
    sent = await do(
        running.client.send_template,
        person,
        TEMPLATE,
        TemplateLanguage.RUSSIAN,
        [BodyText.params("Анна")],
        tracker="template",
    )
    assert (await do(running.wait_status, sent.id, DELIVERED)).tracker == "template"


async def test_pywa_hears_of_a_closed_window_as_its_own_error(talking: tuple[Bot, str]) -> None:
    running, _ = talking
    sent = await do(running.client.send_message, new_person(), "Без окна", tracker="closed")
    failed = await do(running.wait_status, sent.id, MessageStatusType.FAILED)
    assert isinstance(failed.error, ReEngagementMessage)
    assert failed.tracker == "closed"


async def test_pywa_reads_its_number_and_profile_and_gets_its_media_back(talking: tuple[Bot, str]) -> None:
    running, _ = talking
    wa = running.client
    number = await do(wa.get_business_phone_number)
    assert number.id == wa.phone_id
    assert (await do(wa.get_business_profile)) is not None
    media = await do(wa.upload_media, a_png(), mime_type="image/png", filename="a.png")
    url = await do(wa.get_media_url, media.id)
    assert await do(wa.get_media_bytes, url=url.url) == a_png()


async def test_the_standardwebhooks_library_verifies_every_callback(world: World, tenant: Tenant) -> None:
    taken: list[tuple[dict[str, str], bytes]] = []

    async def take(request: web.Request) -> web.Response:
        taken.append((dict(request.headers), await request.read()))
        return web.Response()

    app = web.Application()
    app.router.add_post("/hooks", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/hooks"
        assert (await tenant.call("PUT", "/v1/callback", {"url": url})).status == 200
        await tenant.wait_events(await tenant.send_template(await tenant.new_person()), frozenset({"called_back"}))
    finally:
        await runner.cleanup()
    verifier = Webhook(tenant.callback_secret)
    assert taken
    for headers, body in taken:
        assert verifier.verify(body.decode(), headers)["object"] == "whatsapp_business_account"


def a_png() -> bytes:
    """One red pixel."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixel = zlib.compress(b"\x00\xff\x00\x00")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixel) + chunk(b"IEND", b"")
