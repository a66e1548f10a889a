"""All links of one stack, in a process of their own, so that neither the load nor the judge makes them slow."""

from collections.abc import Mapping
from dataclasses import replace
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit, urlunsplit

from deploy.local import environment, processes
from deploy.local.stack import Stack
from tests.chaos.links.link import HOST
from tests.chaos.links.process import LinkHandle, LinkProcess

SERVICES = processes.MIGRATED
META = "gateway-meta"
TENANTS = "gateway-tenants"
NAMES = (*(f"{service}-{server}" for service in SERVICES for server in ("kafka", "postgres")), META, TENANTS)
#: What a process is told of the others' addresses.
_LINKED = ("DATABASE__URL", "KAFKA__BOOTSTRAP_SERVERS", "URLS__GRAPH")


class Links:
    """The links between a stack's parts: `with Links(stack) as links, stack:`, before anything of it runs.

    `links[name]` is a LinkHandle (NAMES). Only the services go through them: Kafka's and PostgreSQL's own ports stay
    open to the harness.
    """

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.stack.kafka_listeners = SERVICES
        self._process = LinkProcess()
        self._links = {name: self._process.link(name) for name in NAMES}

    def __getitem__(self, name: str) -> LinkHandle:
        return self._links[name]

    def __enter__(self) -> Self:
        self._process.__enter__()
        for service in SERVICES:
            self._stand_between(service)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.__exit__(kind, error, at)

    def to_tenant(self, url: str) -> str:
        """The URL under which the gateway reaches a tenant's endpoint through the link."""
        parts = urlsplit(url)
        assert parts.hostname is not None
        assert parts.port is not None
        port = self[TENANTS].door((parts.hostname, parts.port))
        return urlunsplit(parts._replace(netloc=f"{HOST}:{port}"))

    def _stand_between(self, service: str) -> None:
        """Tell the service's processes our doors instead of the servers' ports."""
        facts = self.stack.facts
        facts = replace(facts, ports={**facts.ports, **self._doors(service, facts.ports)})
        for name in processes.SERVICES:
            if processes.service(name) == service:
                told = environment.of_process(name, facts)
                linked = {key: told[key] for key in _LINKED if key in told}
                self.stack.overrides[name] = {**self.stack.overrides.get(name, {}), **linked}

    def _doors(self, service: str, ports: Mapping[str, int]) -> dict[str, int]:
        """Our port for each server of the service, by the server's name among the ports."""
        listener, advertised = f"kafka-{service}", f"kafka-{service}-proxy"
        doors = {
            "kafka": self[f"{service}-kafka"].door((HOST, ports[listener]), port=ports[advertised]),
            "postgres": self[f"{service}-postgres"].door((HOST, ports["postgres"])),
        }
        if service == "gateway":
            doors["sandbox-api"] = self[META].door((HOST, ports["sandbox-api"]))
        return doors
