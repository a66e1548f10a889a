"""An internal call is signed, short, and fails with a fate: asked of a real server over HTTP."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import uuid4

import pytest
from aiohttp import web

from services.kernel import crypto
from services.kernel.answers import error_response
from services.kernel.client import Answer, InternalClient, RemoteProblem
from services.kernel.errors import Conflict, Unavailable
from services.kernel.tokens import Principal, TokenIssuer, TokenVerifier

SEED, PUBLIC = crypto.new_signing_keys()
ISSUER = TokenIssuer("gateway", SEED)
VERIFIER = TokenVerifier({"gateway": crypto.b64url(PUBLIC)}, "consent")


class GivenAlready(Conflict):
    code = "consent_given"


async def echo(request: web.Request) -> web.Response:
    principal = VERIFIER.verify(request.headers["Authorization"].removeprefix("Bearer "))
    body = await request.json() if request.can_read_body else None
    answer = {"role": principal.role, "subject": principal.subject, "tenant": str(principal.tenant_id), "body": body}
    return web.json_response(answer | {"query": dict(request.query)})


async def refuse(request: web.Request) -> web.Response:
    answer = error_response(GivenAlready("withdraw it first", retry_after_seconds=7))
    return web.Response(body=bytes(answer.body), status=answer.status_code, headers=answer.headers)


async def bare(request: web.Request) -> web.Response:
    return web.Response(status=int(request.match_info["status"]), text="<html>no JSON</html>")


async def hang(request: web.Request) -> web.Response:
    await asyncio.sleep(5)
    return web.Response()


async def drop(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.close()
    return web.Response()


@dataclass
class Server:
    client: InternalClient
    runner: web.AppRunner


@pytest.fixture
async def client() -> AsyncIterator[InternalClient]:
    app = web.Application()
    app.router.add_route("*", "/echo", echo)
    app.router.add_route("*", "/refuse", refuse)
    app.router.add_route("*", "/bare/{status}", bare)
    app.router.add_route("*", "/hang", hang)
    app.router.add_route("*", "/drop", drop)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    internal = InternalClient(f"http://127.0.0.1:{runner.addresses[0][1]}/", "consent", ISSUER)
    yield internal
    await internal.close()
    await runner.cleanup()


async def test_a_call_carries_a_token_of_its_service(client: InternalClient) -> None:
    answer = await client.exchange("POST", "/echo", body=b'{"ids": [1, 2]}')
    said = {"role": "service", "subject": "gateway", "tenant": "None", "body": {"ids": [1, 2]}, "query": {}}
    assert (answer.status, json.loads(answer.body)) == (200, said)


async def test_a_call_for_a_tenant_says_so(client: InternalClient) -> None:
    tenant_id = uuid4()
    answer = await client.exchange("GET", "/echo", params={"phone": "a+b"}, role="tenant", tenant_id=tenant_id)
    said = json.loads(answer.body)
    assert (said["role"], said["tenant"], said["query"]) == ("tenant", str(tenant_id), {"phone": "a+b"})


async def test_a_refusal_is_told_as_the_other_service_told_it(client: InternalClient) -> None:
    problem = RemoteProblem("consent", await client.exchange("POST", "/refuse", body=b"{}"))
    assert (problem.status, problem.code, str(problem)) == (409, "consent_given", "withdraw it first")
    assert (problem.retryable, problem.retry_after_seconds) == (False, 7)


@pytest.mark.parametrize(("status", "is_retryable"), [(404, False), (429, True)])
@pytest.mark.parametrize("body", [b"", b"<html>no JSON</html>", b"[]"])
def test_a_refusal_without_problem_details_has_its_status(status: int, is_retryable: bool, body: bytes) -> None:
    problem = RemoteProblem("consent", Answer(status, "text/html", body, None))
    assert (problem.status, problem.retryable, str(problem)) == (status, is_retryable, f"consent answered {status}")


async def test_an_answer_can_be_taken_as_it_is(client: InternalClient) -> None:
    answer = await client.exchange("POST", "/refuse", body=b"{}")
    assert (answer.status, answer.content_type) == (409, "application/problem+json")


@pytest.mark.parametrize("path", ["/bare/500", "/bare/502", "/bare/503", "/bare/401", "/drop"])
async def test_a_failing_service_is_unavailable(client: InternalClient, path: str) -> None:
    with pytest.raises(Unavailable):
        await client.exchange("POST", path, body=b"{}")


async def test_a_service_that_does_not_answer_in_time_is_unavailable(client: InternalClient) -> None:
    with pytest.raises(Unavailable):
        await client.exchange("POST", "/hang", timeout_seconds=0.05)


async def test_a_service_that_is_not_there_is_unavailable() -> None:
    nobody = InternalClient("http://127.0.0.1:9", "consent", ISSUER)
    with pytest.raises(Unavailable):
        await nobody.exchange("GET", "/echo")
    await nobody.close()


def test_the_principal_of_this_test_is_a_service() -> None:
    token = ISSUER.issue(audience="consent", role="service", subject="gateway")
    assert VERIFIER.verify(token) == Principal("gateway", "gateway", "service")
