"""Meta's side: what the sandbox received, what it shall do next, and people who write."""

from typing import Any

import aiohttp

PAGE_MAX = 1_000


class Sandbox:
    """The sandbox's controls and its own record."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self._http = http
        self.url = url

    async def sends(self, message_id: str | None = None, *, after: int = 0) -> list[dict[str, Any]]:
        """Every message request it received, or those that carried our message id."""
        rows: list[dict[str, Any]] = []
        while True:
            page = (await self._call("GET", f"/_sandbox/sends?after={after}"))["sends"]
            rows += page
            if len(page) < PAGE_MAX:
                break
            after = page[-1]["n"]
        return [row for row in rows if message_id in (None, row["biz_opaque_callback_data"])]

    async def sends_to(self, phone: str) -> list[dict[str, Any]]:
        return [row for row in await self.sends() if row["to"].lstrip("+") == phone.lstrip("+")]

    async def scenario(self, phone: str, **what: Any) -> None:
        """What happens to sends to this person from now on: see services/sandbox/scenarios/schemas.py."""
        await self._call("PUT", f"/_sandbox/scenarios/{phone.lstrip('+') if phone != '*' else '*'}", what)

    async def forget(self, phone: str) -> None:
        await self._call("DELETE", f"/_sandbox/scenarios/{phone.lstrip('+')}")

    async def forget_all(self) -> None:
        """Everybody is ordinary from now on."""
        await self._call("DELETE", "/_sandbox/scenarios")

    async def person(self, phone: str) -> dict[str, Any]:
        """max_concurrent, sends (calls with their times), inbox."""
        found: dict[str, Any] = await self._call("GET", f"/_sandbox/people/{phone.lstrip('+')}")
        return found

    async def write(self, phone: str, text: str, phone_number_id: str) -> str:
        """The person writes to this number; Meta's id of the message."""
        body = {"text": text, "phone_number_id": phone_number_id}
        answer = await self._call("POST", f"/_sandbox/people/{phone.lstrip('+')}/messages", body)
        return str(answer["id"])

    async def know_number(self, phone_number_id: str, waba_id: str, display_phone_number: str) -> None:
        body = {"waba_id": waba_id, "display_phone_number": display_phone_number}
        await self._call("PUT", f"/_sandbox/numbers/{phone_number_id}", body)

    async def know_template(self, name: str, category: str, language: str, body_parameters: int) -> None:
        body = {"category": category, "language": language, "body_parameters": body_parameters}
        await self._call("PUT", f"/_sandbox/templates/{name}", body)

    async def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        async with self._http.request(method, self.url + path, json=body) as answer:
            assert answer.ok, f"{method} {path}: {answer.status} {await answer.text()}"
            return await answer.json() if answer.status != 204 else None
