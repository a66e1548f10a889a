"""Plays people's scripts: what a message sets off, step by step."""

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from services.kernel.errors import Conflict, Unprocessable
from services.kernel.logging import get_logger
from services.sandbox.people.bubbles import Bubble
from services.sandbox.people.service import Writing
from services.sandbox.people.writing import Pen
from services.sandbox.scripts.schemas import Rule, Script, Step
from services.sandbox.sends.service import Send
from services.sandbox.webhooks.service import Webhooks

__all__ = ["Rule", "Script", "Scripts", "Step"]

SCRIPTS_MAX = 10_000  # people with a script
PLAYING_MAX = 10_000  # scripts being played at a time; a message that comes on top is not answered
STOP = "STOP"
TYPES = {"voice": "audio", "button": "interactive", "list": "interactive", "stop": "text"}

_log = get_logger()


class Play(NamedTuple):
    """Who acts towards which number, and the message that set it off (None: nobody's)."""

    phone: str
    number: str
    send: Send | None = None
    bubble: Bubble | None = None


class Scripts:
    """In memory only, like scenarios: a restarted sandbox has forgotten them, those of magic numbers excepted."""

    def __init__(self, pen: Pen, webhooks: Webhooks, seed: int, magic: Callable[[str], Script | None]) -> None:
        self._pen = pen
        self._webhooks = webhooks
        self._seed = seed
        self._magic = magic
        self._scripts: dict[str, Script] = {}
        self._used: dict[tuple[str, int], int] = {}
        self._plays = 0
        self._playing: set[asyncio.Task[None]] = set()

    def put(self, phone: str, script: Script) -> None:
        """Holds in place of an earlier one, and begins at once; raises Unprocessable and changes nothing."""
        if script.begin and script.phone_number_id is None:
            raise Unprocessable("phone_number_id is required with begin: it says to whom the person writes")
        if phone not in self._scripts and len(self._scripts) >= SCRIPTS_MAX:
            raise Unprocessable(f"the sandbox keeps at most {SCRIPTS_MAX} scripts; DELETE some first")
        self.forget(phone)
        self._scripts[phone] = script
        if script.begin and script.phone_number_id is not None:
            self._play(Play(phone, script.phone_number_id), script.begin, seed=script.seed)

    def forget(self, phone: str) -> None:
        self._scripts.pop(phone, None)
        for key in [key for key in self._used if key[0] == phone]:
            del self._used[key]

    def of(self, phone: str) -> Script | None:
        """The person's own, or that of a magic number (hot path)."""
        return self._scripts.get(phone) or self._magic(phone)

    def received(self, script: Script, send: Send, bubble: Bubble, *, after_seconds: float) -> None:
        """The message is on its way to the phone; play what it sets off."""
        rule = self._fitting(script, send, bubble)
        if rule is not None and rule.steps:
            play = Play(send.phone, send.phone_number_id, send, bubble)
            self._play(play, rule.steps, seed=script.seed, after_seconds=after_seconds)

    async def close(self) -> None:
        for task in self._playing:
            task.cancel()
        await asyncio.gather(*self._playing, return_exceptions=True)

    def _fitting(self, script: Script, send: Send, bubble: Bubble) -> Rule | None:
        for number, rule in enumerate(script.rules):
            used = self._used.get((send.phone, number), 0)
            fits = (
                rule.type in (None, send.type)
                and rule.phone_number_id in (None, send.phone_number_id)
                and (rule.contains is None or rule.contains.casefold() in bubble.text.casefold())
                and (rule.times is None or used < rule.times)
            )
            if fits:
                if rule.times is not None:
                    self._used[send.phone, number] = used + 1
                return rule
        return None

    def _play(self, play: Play, steps: Sequence[Step], *, seed: int, after_seconds: float = 0.0) -> None:
        if len(self._playing) >= PLAYING_MAX:
            return
        self._plays += 1
        name = play.send.n if play.send else self._plays
        chance = random.Random(f"{self._seed}/{seed}/{play.phone}/{name}")  # noqa: S311  # a person's mood
        task = asyncio.create_task(self._steps(play, steps, chance, after_seconds), name="script")
        self._playing.add(task)
        task.add_done_callback(self._playing.discard)

    async def _steps(self, play: Play, steps: Sequence[Step], chance: random.Random, after_seconds: float) -> None:
        await asyncio.sleep(after_seconds)
        for step in steps:
            delay = step.after_seconds
            await asyncio.sleep(delay if isinstance(delay, float) else chance.uniform(*delay))
            if step.do == "ignore":
                return
            if step.do == "read":
                if play.send is not None:
                    self._webhooks.report_now(play.send, "read", play.bubble)
                continue
            try:
                await self._pen.write(play.phone, self._writing(step, play.number, play.send))
            except (Conflict, OSError) as error:
                _log.info("a script's step refers to nothing", error_class=type(error).__name__)

    def _writing(self, step: Step, number: str, send: Send | None) -> Writing:
        kind = TYPES.get(step.do, step.do)
        more: dict[str, Any] = {"type": kind, "phone_number_id": number}
        if kind == "interactive":
            return Writing(**more, press=step.press)
        if send is not None and step.quote:
            more["reply_to"] = send.wamid
        text = step.text or (STOP if step.do == "stop" else None)
        return Writing(**more, text=text, voice=step.do == "voice")
