"""Calls to the other services' internal APIs: signed, short, JSON, with failures that carry their fate (hot path)."""

from typing import Any, Literal, NamedTuple
from uuid import UUID

import aiohttp
import msgspec

from services.kernel import metrics
from services.kernel.errors import ServiceError, Unavailable
from services.kernel.tokens import TokenIssuer

TIMEOUT_SECONDS = 5.0
CONNECT_SECONDS = 1.0
CONNECTIONS_MAX = 100
KEEP_ALIVE_SECONDS = 30.0  # shorter than the server's 75 s, so that we never write into a connection that it closes
ANSWER_BYTES_MAX = 8 * 1024 * 1024
RETRYABLE_STATUSES = frozenset({408, 425, 429})


class Answer(NamedTuple):
    """What came back, whatever its status below 500."""

    status: int
    content_type: str
    body: bytes
    retry_after_seconds: int | None

    def __repr__(self) -> str:
        return f"Answer(status={self.status})"

    def json(self) -> Any:
        return msgspec.json.decode(self.body) if self.body else None


class RemoteProblem(ServiceError):
    """The other service refused (4xx). Its problem details pass on: their detail as message, their title as code."""

    code = "remote_problem"

    def __init__(self, audience: str, answer: Answer) -> None:
        problem = _problem_of(answer)
        super().__init__(str(problem.get("detail", f"{audience} answered {answer.status}")))
        self.status = answer.status
        self.code = str(problem.get("title", self.code))
        self.retryable = answer.status in RETRYABLE_STATUSES
        self.retry_after_seconds = answer.retry_after_seconds


def _problem_of(answer: Answer) -> dict[str, Any]:
    try:
        problem = answer.json()
    except msgspec.DecodeError:
        return {}
    return problem if isinstance(problem, dict) else {}


def new_session() -> aiohttp.ClientSession:
    """One pool of connections for all internal clients of a process; made on the running loop, closed by its maker."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=CONNECTIONS_MAX, keepalive_timeout=KEEP_ALIVE_SECONDS),
        timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS, sock_connect=CONNECT_SECONDS),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
    )


class InternalClient:
    """Speaks to one service. Without a session of its maker it opens its own, which `close` closes."""

    def __init__(
        self, base_url: str, audience: str, issuer: TokenIssuer, session: aiohttp.ClientSession | None = None
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._audience = audience
        self._issuer = issuer
        self._session = session
        self._owns_session = session is None
        self._seconds = metrics.INTERNAL_CALL_SECONDS.labels(audience)

    async def exchange(
        self,
        method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"],
        path: str,
        *,
        body: bytes | None = None,
        params: dict[str, str] | None = None,
        role: str = "service",
        tenant_id: UUID | None = None,
        subject: str | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> Answer:
        """Send raw bytes and return any answer below 500 as it is; Unavailable for 5xx and failed connections.

        After a POST, Unavailable says nothing about whether it took effect.
        """
        token = self._issuer.issue(
            audience=self._audience,
            role=role,
            subject=subject or str(tenant_id or self._issuer.issuer),
            tenant_id=tenant_id,
        )
        request = self._pool().request(
            method,
            self._base_url + path,
            data=body,
            params=params,
            headers={"Content-Type": "application/json", "Authorization": f"Bearer {token}"},
            timeout=aiohttp.ClientTimeout(total=timeout_seconds, sock_connect=CONNECT_SECONDS),
            allow_redirects=False,
        )
        try:
            with self._seconds.time():
                async with request as response:
                    answer = await self._answer(response)
        except (aiohttp.ClientError, OSError):  # OSError includes TimeoutError
            raise Unavailable(f"{self._audience} does not answer; try again") from None
        return self._usable(answer)

    async def close(self) -> None:
        if self._owns_session and self._session is not None:
            await self._session.close()
            self._session = None

    def _pool(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = new_session()
        return self._session

    async def _answer(self, response: aiohttp.ClientResponse) -> Answer:
        body = bytearray()
        async for piece in response.content.iter_any():
            body += piece
            if len(body) > ANSWER_BYTES_MAX:
                raise Unavailable(f"{self._audience} answered more than {ANSWER_BYTES_MAX} bytes: ask for less")
        content_type = response.headers.get("Content-Type", "application/octet-stream")
        return Answer(response.status, content_type, bytes(body), _seconds(response.headers.get("Retry-After")))

    def _usable(self, answer: Answer) -> Answer:
        if answer.status == 401:  # our own misconfiguration: the caller's credentials are not the problem
            raise Unavailable(f"{self._audience} does not accept our tokens; check INTERNAL__PUBLIC_KEYS there")
        if answer.status >= 500:
            raise Unavailable(f"{self._audience} answered {answer.status}; try again", answer.retry_after_seconds or 1)
        return answer


def _seconds(header: str | None) -> int | None:
    return int(header) if header is not None and header.isascii() and header.isdigit() else None
