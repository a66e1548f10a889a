"""Lets people write: composes what Meta would tell of it, shows it on their phone, and tells it."""

import time
from typing import Any

from services.kernel.errors import Conflict
from services.sandbox.identity import inbound_wamid
from services.sandbox.media.service import Kind, Library
from services.sandbox.numbers.service import Numbers
from services.sandbox.people import buttons, contents
from services.sandbox.people.bubbles import Bubble
from services.sandbox.people.schemas import Answered, Burst, Forgery, Told, Writing
from services.sandbox.people.service import People
from services.sandbox.scenarios.service import Scenarios
from services.sandbox.sends.service import ORDINARY, Plan
from services.sandbox.templates.service import Template, Templates
from services.sandbox.webhooks.service import TAKEN, Inbound, Webhooks

MEDIA: dict[str, Kind] = {kind: kind for kind in ("image", "video", "audio", "document", "sticker")}
ANSWERS = frozenset({"button", "interactive"})  # types that come from pressing something


class Pen:
    def __init__(
        self,
        *,
        people: People,
        webhooks: Webhooks,
        library: Library,
        numbers: Numbers,
        templates: Templates,
        scenarios: Scenarios,
    ) -> None:
        self._people = people
        self._webhooks = webhooks
        self._library = library
        self._numbers = numbers
        self._templates = templates
        self._scenarios = scenarios
        self._made = 0

    async def write(self, phone: str, writing: Writing) -> str:
        """The message's wamid, when it is on the disk and on its way; raises Conflict if it refers to nothing."""
        number = writing.phone_number_id or self._people.last_number(phone)
        if number is None:
            raise Conflict("nobody has written to this person yet; say to whom they write with phone_number_id")
        inbound = await self._compose(phone, number, writing)
        self._people.wrote(inbound)
        self._people.show_written(inbound)
        await self._webhooks.tell(inbound)
        return inbound.wamid

    async def burst(self, burst: Burst) -> Told:
        """Everybody writes in one POST; the windows of these people are open once the webhook has taken it."""
        first, now = int(burst.first_phone), int(time.time())
        inbounds = []
        for number in range(burst.n):
            phone = str(first + number % burst.people)
            inbounds.append(Inbound(inbound_wamid(phone), phone, burst.phone_number_id, burst.text, now))
        status, size = await self._webhooks.burst(inbounds, per_value=burst.per_value)
        if status == TAKEN:
            for inbound in inbounds:
                self._people.wrote(inbound)
        return Told(status=status, bytes=size, wamids=[inbound.wamid for inbound in inbounds])

    async def forge(self, forgery: Forgery) -> Answered:
        """Nobody wrote this: the webhook must refuse it."""
        inbound = Inbound(
            inbound_wamid(forgery.phone), forgery.phone, forgery.phone_number_id, forgery.text, int(time.time())
        )
        return Answered(status=await self._webhooks.forge(inbound, forgery.signature))

    def buttons_of(self, bubble: Bubble) -> list[buttons.Button]:
        """What the person can press in this message."""
        registered: list[dict[str, Any]] = []
        if bubble.type == "template":
            template = self.template_of(bubble)
            registered = template.buttons if template else []
        return buttons.of_bubble(bubble, registered)

    def template_of(self, bubble: Bubble) -> Template | None:
        """What is registered of the template that this message uses."""
        use = bubble.content or {}
        waba_id = self._numbers.number(bubble.phone_number_id).waba_id
        return self._templates.find(use.get("name", ""), (use.get("language") or {}).get("code", ""), waba_id)

    async def _compose(self, phone: str, number: str, writing: Writing) -> Inbound:
        scenario = self._scenarios.of(phone)
        kind, content, context = await self._content(phone, number, writing)
        whole: dict[str, Any] = {} if content is None else {kind: content}
        if context:
            whole["context"] = context
        if writing.referral is not None:
            whole["referral"] = writing.referral
        if kind == "unsupported":
            whole["errors"] = [contents.UNSUPPORTED]
        return Inbound(
            wamid=inbound_wamid(phone),
            phone=phone,
            phone_number_id=number,
            text=contents.shown(kind, content, writing.text),
            at=int(time.time()),
            type=kind,
            content=whole,
            bsuid_only=scenario.bsuid_only if writing.bsuid_only is None else writing.bsuid_only,
            plan=_plan(scenario.duplicate, scenario.redeliver, scenario.forged),
        )

    async def _content(self, phone: str, number: str, writing: Writing) -> tuple[str, Any, dict[str, Any]]:
        """(type, the object under its name, context)"""
        context: dict[str, Any] = {"forwarded": True} if writing.forwarded else {}
        if writing.reply_to is not None:
            context |= self._quote(number, writing.reply_to)
        if writing.content is not None or writing.type == "text":
            return writing.type, writing.content, context
        if writing.type in ANSWERS:
            return self._pressed(phone, number, writing)
        if writing.type in MEDIA:
            return writing.type, await self._medium(phone, number, writing), context
        return writing.type, self._reference(phone, number, writing), context

    async def _medium(self, phone: str, number: str, writing: Writing) -> dict[str, Any]:
        self._made += 1
        medium = await self._library.sample(number, MEDIA[writing.type], f"{phone}/{self._made}")
        url = self._library.url(medium)
        return contents.media(writing.type, medium, url, caption=writing.text, voice=writing.voice)

    def _pressed(self, phone: str, number: str, writing: Writing) -> tuple[str, Any, dict[str, Any]]:
        """The reply that the button stands for, of the quoted message or the last one that has buttons."""
        received = [one for one in self._people.bubbles(phone, number) if not one.is_own]
        if writing.reply_to is not None:
            received = [one for one in received if one.wamid == writing.reply_to]
        for bubble in reversed(received):
            replies = [button.reply for button in self.buttons_of(bubble) if button.reply is not None]
            if replies:
                index = writing.press or 0
                if index >= len(replies):
                    raise Conflict(f"press: this message has {len(replies)} buttons, counted from 0")
                kind, content = replies[index]
                return kind, content, self._quote(number, bubble.wamid)
        raise Conflict("no message with buttons lies on this person's phone: send one, or say content")

    def _reference(self, phone: str, number: str, writing: Writing) -> Any:
        """What edits, takes back or reacts: it names an earlier message."""
        if writing.type == "reaction":
            return {"message_id": self._last(phone, number, is_own=False), "emoji": writing.text or "👍"}
        if writing.type == "revoke":
            return {"original_message_id": self._last(phone, number, is_own=True)}
        if writing.type == "edit":
            message = {"type": "text", "text": {"body": writing.text or "…"}}
            return {"original_message_id": self._last(phone, number, is_own=True), "message": message}
        return contents.ready_made(writing.type, phone=phone, text=writing.text)

    def _last(self, phone: str, number: str, *, is_own: bool) -> str:
        for bubble in reversed(self._people.bubbles(phone, number)):
            if bubble.is_own is is_own and bubble.type not in ("reaction", "edit", "revoke"):
                return bubble.wamid
        whose = "of this person to the number" if is_own else "of the number to this person"
        raise Conflict(f"there is no message {whose} to refer to")

    def _quote(self, number: str, wamid: str) -> dict[str, str]:
        return {"from": self._numbers.number(number).display_phone_number or number, "id": wamid}


def _plan(duplicate: int, redeliver: tuple[float, ...], forged: bool) -> Plan:
    if duplicate == 1 and not redeliver and not forged:
        return ORDINARY
    return Plan(duplicate=duplicate, redeliver=redeliver, forged=forged)
