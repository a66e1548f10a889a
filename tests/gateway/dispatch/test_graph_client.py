"""What one call did for certain, on real sockets: nothing was written, or nobody can know, or Meta's own word."""

import asyncio
import json
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from services.gateway.dispatch.graph_client import Accepted, Ambiguous, Answer, GraphClient, NotSent, Refused

BODY = json.dumps({"to": "+79161234567", "text": {"body": "Здравствуйте"}}).encode()
GOOD = json.dumps({"messaging_product": "whatsapp", "messages": [{"id": "wamid.1"}]}).encode()
Respond = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def answer(body: bytes, status: str = "200 OK", extra: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{extra}\r\n".encode() + body


class Meta:
    """A server that counts what it gets and answers as it is told."""

    def __init__(self) -> None:
        self.connections = 0
        self.received = b""
        self.requests: list[bytes] = []
        self.respond: Respond = self.say(answer(GOOD))
        self.url = ""

    @staticmethod
    def say(*pieces: bytes, pause_seconds: float = 0.05) -> Respond:
        async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                if len(pieces) > 1:
                    await asyncio.sleep(pause_seconds)

        return respond

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await self._read(reader):
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                body = await reader.readexactly(length)
                self.received += body
                self.requests.append(head + body)
                await self.respond(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> bytes:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            piece = await reader.read(1)
            if not piece:
                return b""
            self.received += piece
            head += piece
        return head


@pytest.fixture
async def meta() -> AsyncIterator[Meta]:
    meta = Meta()
    server = await asyncio.start_server(meta.serve, "127.0.0.1", 0)
    meta.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield meta
    server.close()


@asynccontextmanager
async def calling(url: str, *, connections_max: int = 10, timeout_seconds: float = 0.5) -> AsyncIterator[GraphClient]:
    client = GraphClient(url, connections_max=connections_max, timeout_seconds=timeout_seconds)
    try:
        yield client
    finally:
        await client.close()


async def send(client: GraphClient, *, within_seconds: float = 5.0) -> Answer:
    return await client.send(
        phone_number_id="100", access_token="EAA", body=BODY, start_before=time.monotonic() + within_seconds
    )


def error(code: object) -> bytes:
    return json.dumps({"error": {"message": "no", "type": "OAuthException", "code": code, "fbtrace_id": "A"}}).encode()


async def test_a_success_is_metas_id_and_the_request_is_what_we_said(meta: Meta) -> None:
    async with calling(meta.url) as client:
        assert await send(client) == Accepted("wamid.1")
    (request,) = meta.requests
    assert request.startswith(b"POST /v23.0/100/messages HTTP/1.1\r\n")
    assert request.endswith(BODY)
    assert b"Authorization: Bearer EAA\r\n" in request


async def test_an_answer_in_many_pieces_is_one_answer(meta: Meta) -> None:
    whole = answer(GOOD)
    meta.respond = meta.say(*(whole[at : at + 40] for at in range(0, len(whole), 40)), pause_seconds=0.01)
    async with calling(meta.url) as client:
        assert await send(client) == Accepted("wamid.1")


async def test_a_chunked_answer_is_read_to_its_end(meta: Meta) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunks = [f"{len(part):x}\r\n".encode() + part + b"\r\n" for part in (GOOD[:9], GOOD[9:30], GOOD[30:])]
    meta.respond = meta.say(head, *chunks, b"0\r\n\r\n", pause_seconds=0.01)
    async with calling(meta.url) as client:
        assert await send(client) == Accepted("wamid.1")


@pytest.mark.parametrize("status", ["400 Bad Request", "401 Unauthorized", "429 Too Many", "500 Oops", "200 OK"])
async def test_metas_own_error_is_its_code_whatever_the_status(meta: Meta, status: str) -> None:
    meta.respond = meta.say(answer(error(131056), status))
    async with calling(meta.url) as client:
        assert await send(client) == Refused(131056)


@pytest.mark.parametrize(
    "said",
    [
        answer(b"<!DOCTYPE html><html><body>Sorry</body></html>", "502 Bad Gateway", "Content-Type: text/html\r\n"),
        answer(b"", "504 Gateway Timeout"),
        answer(b"", "200 OK"),
        answer(b"{}", "200 OK"),
        answer(b'{"messages": []}', "200 OK"),
        answer(b'{"messages": [{"id": 7}]}', "200 OK"),
        answer(error("unknown"), "400 Bad Request"),
        answer(error(2**31), "400 Bad Request"),
        answer(b'{"x":' + b"[" * 100_000, "200 OK"),
        answer(b"", "302 Found", "Location: /elsewhere\r\n"),
        answer(b" " * 2_000_000 + GOOD),
        b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" + GOOD,
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n" + GOOD,
    ],
)
async def test_an_answer_that_is_not_metas_is_ambiguous_and_nothing_is_repeated(meta: Meta, said: bytes) -> None:
    meta.respond = meta.say(said)
    async with calling(meta.url) as client:
        assert isinstance(await send(client), Ambiguous)
    assert len(meta.requests) == 1


async def test_headers_without_an_end_are_not_kept(meta: Meta) -> None:
    meta.respond = meta.say(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 2_000_000)
    async with calling(meta.url) as client:
        assert await send(client) == Ambiguous("too long")


async def test_a_refused_connection_was_not_sent() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening
        async with calling(f"http://127.0.0.1:{taken.getsockname()[1]}") as client:
            assert isinstance(await send(client), NotSent)


async def test_a_passed_deadline_writes_nothing_on_a_new_connection(meta: Meta) -> None:
    async with calling(meta.url) as client:
        assert await send(client, within_seconds=-0.001) == NotSent("deadline")
        await asyncio.sleep(0.05)
        assert meta.received == b""
        assert await send(client) == Accepted("wamid.1")


async def test_a_passed_deadline_writes_nothing_on_a_reused_connection(meta: Meta) -> None:
    async with calling(meta.url) as client:
        assert await send(client) == Accepted("wamid.1")
        before = meta.received
        assert await send(client, within_seconds=-0.001) == NotSent("deadline")
        await asyncio.sleep(0.05)
    assert (meta.received, len(meta.requests)) == (before, 1)


async def test_a_deadline_that_passes_while_waiting_for_a_connection_writes_nothing(meta: Meta) -> None:
    release = asyncio.Event()

    async def slowly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await release.wait()
        writer.write(answer(GOOD))

    meta.respond = slowly
    async with calling(meta.url, connections_max=1, timeout_seconds=5) as client:
        first = asyncio.create_task(send(client))
        while not meta.requests:  # noqa: ASYNC110 - the server's doing
            await asyncio.sleep(0.005)
        second = asyncio.create_task(send(client, within_seconds=0.05))
        await asyncio.sleep(0.1)
        release.set()
        assert (await first, await second) == (Accepted("wamid.1"), NotSent("deadline"))
    assert len(meta.requests) == 1


async def test_who_finds_every_connection_taken_gives_up_long_before_the_answer_is_due(meta: Meta) -> None:
    meta.respond = meta.say()
    async with calling(meta.url, connections_max=1, timeout_seconds=30) as client:
        hanging = asyncio.create_task(send(client))
        while not meta.requests:  # noqa: ASYNC110 - the server's doing
            await asyncio.sleep(0.005)
        async with asyncio.timeout(5):
            assert isinstance(await send(client), NotSent)
        assert not hanging.done()
        hanging.cancel()


async def test_late_calls_leave_no_connection_taken(meta: Meta) -> None:
    async with calling(meta.url, connections_max=1) as client:
        for _ in range(20):
            assert await send(client, within_seconds=-0.001) == NotSent("deadline")
        assert await send(client) == Accepted("wamid.1")
    assert (len(meta.requests), meta.connections) == (1, 1)


async def test_a_cancelled_call_gives_its_place_back_and_its_connection_up(meta: Meta) -> None:
    good, meta.respond = meta.respond, meta.say()
    async with calling(meta.url, connections_max=1) as client:
        hanging = asyncio.create_task(send(client))
        while not meta.requests:  # noqa: ASYNC110 - the server's doing
            await asyncio.sleep(0.005)
        hanging.cancel()
        with suppress(asyncio.CancelledError):
            await hanging
        meta.respond = good
        assert await send(client) == Accepted("wamid.1")
    assert meta.connections == 2


async def test_places_are_given_in_order_and_none_is_lost_with_who_stops_waiting(meta: Meta) -> None:
    meta.respond = meta.say(answer(GOOD)[:-1], answer(GOOD)[-1:], pause_seconds=0.02)
    async with calling(meta.url, connections_max=2, timeout_seconds=5) as client:
        calls = [asyncio.create_task(send(client)) for _ in range(12)]
        await asyncio.sleep(0.01)
        for call in calls[3:8:2]:
            call.cancel()
        answers = await asyncio.gather(*calls, return_exceptions=True)
        assert [found for found in answers if not isinstance(found, BaseException)] == [Accepted("wamid.1")] * 9
        assert {*await asyncio.gather(send(client), send(client))} == {Accepted("wamid.1")}
    assert meta.connections == 2


async def test_an_answer_that_ends_with_its_connection_is_read(meta: Meta) -> None:
    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + GOOD)
        writer.close()

    meta.respond = respond
    async with calling(meta.url) as client:
        assert await send(client) == Accepted("wamid.1")


async def test_an_interim_answer_is_not_the_answer(meta: Meta) -> None:
    meta.respond = meta.say(b"HTTP/1.1 100 Continue\r\n\r\n", answer(GOOD))
    async with calling(meta.url) as client:
        assert await send(client) == Accepted("wamid.1")


async def test_what_nobody_asked_for_is_never_taken_for_the_next_answer(meta: Meta) -> None:
    meta.respond = meta.say(answer(GOOD) + answer(error(131056)))
    async with calling(meta.url) as client:
        assert await send(client) == Accepted("wamid.1")
        meta.respond = meta.say(answer(GOOD))
        assert await send(client) == Accepted("wamid.1")
    assert meta.connections == 2


async def test_an_access_token_cannot_end_its_header(meta: Meta) -> None:
    async with calling(meta.url) as client:
        found = await client.send(
            phone_number_id="100", access_token="EAA\r\nX: y", body=BODY, start_before=time.monotonic() + 5
        )
    assert found == NotSent("access token")
    assert meta.received == b""


async def test_a_time_out_after_the_request_is_ambiguous(meta: Meta) -> None:
    meta.respond = meta.say()  # never a word
    async with calling(meta.url, timeout_seconds=0.2) as client:
        assert isinstance(await send(client), Ambiguous)
    assert len(meta.requests) == 1


async def test_a_time_out_before_the_request_was_not_sent(meta: Meta) -> None:
    meta.respond = meta.say()
    async with calling(meta.url, connections_max=1, timeout_seconds=0.2) as client:
        first = asyncio.create_task(send(client))
        await asyncio.sleep(0.1)
        second = await send(client)
        assert isinstance(await first, Ambiguous)
    # The second either got the connection that the first gave up, or gave up waiting for it.
    assert isinstance(second, NotSent) == (len(meta.requests) == 1)


async def test_a_reset_after_the_request_is_ambiguous_and_not_repeated(meta: Meta) -> None:
    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    meta.respond = reset
    async with calling(meta.url) as client:
        assert isinstance(await send(client), Ambiguous)
    assert (len(meta.requests), meta.connections) == (1, 1)


async def test_a_kept_connection_that_is_closed_under_the_next_request_is_ambiguous_and_not_repeated(
    meta: Meta,
) -> None:
    async with calling(meta.url) as client:
        assert await send(client) == Accepted("wamid.1")

        async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.close()

        meta.respond = close
        assert isinstance(await send(client), Ambiguous)
    assert (len(meta.requests), meta.connections) == (2, 1)


async def test_a_connection_that_meta_closes_between_requests_never_hides_a_written_request(meta: Meta) -> None:
    async def answer_and_close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(GOOD))
        asyncio.get_running_loop().call_later(0.002, writer.close)

    meta.respond = answer_and_close
    async with calling(meta.url) as client:
        answers = []
        for turn in range(60):
            answers.append(await send(client))
            await asyncio.sleep(0.0005 * (turn % 8))
    served = sum(isinstance(found, Accepted) for found in answers)
    lost = sum(isinstance(found, Ambiguous) for found in answers)
    assert served <= len(meta.requests) <= served + lost


async def test_over_tls_the_certificate_is_checked_before_a_byte_is_written(
    meta: Meta, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = certificate_for_localhost(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    server = await asyncio.start_server(meta.serve, "127.0.0.1", 0, ssl=context)
    url = f"https://localhost:{server.sockets[0].getsockname()[1]}"
    async with calling(url) as client:
        assert await send(client) == NotSent("SSLCertVerificationError")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    async with calling(url) as client:
        assert [await send(client), await send(client)] == [Accepted("wamid.1")] * 2
    assert len(meta.requests) == 2
    server.close()


def certificate_for_localhost(directory: Path) -> tuple[Path, Path]:
    """A certificate of its own making, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(minutes=10))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    places = directory / "certificate.pem", directory / "key.pem"
    places[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    places[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return places
