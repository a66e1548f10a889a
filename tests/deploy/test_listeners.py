"""Kafka gets further listeners only where a stack asks for them."""

from pathlib import Path

from deploy.local.stack import Stack


def _properties(stack: Stack) -> dict[str, str]:
    text = stack.infrastructure.kafka.configuration(Path("data"))
    return dict(line.split("=", 1) for line in text.splitlines() if line and not line.startswith("#"))


def test_a_stack_has_one_listener_for_everybody(tmp_path: Path) -> None:
    stack = Stack(tmp_path)
    here = f"PLAINTEXT://127.0.0.1:{stack.facts.ports['kafka']}"
    controller = f"CONTROLLER://127.0.0.1:{stack.facts.ports['kafka-controller']}"
    properties = _properties(stack)
    assert properties["listeners"] == properties["advertised.listeners"] == f"{here},{controller}"
    assert properties["listener.security.protocol.map"] == "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT"


def test_who_comes_to_a_further_listener_is_sent_to_a_proxy(tmp_path: Path) -> None:
    stack = Stack(tmp_path, kafka_listeners=("billing",))
    own, proxy = stack.facts.ports["kafka-billing"], stack.facts.ports["kafka-billing-proxy"]
    properties = _properties(stack)
    assert properties["listeners"].endswith(f",BILLING://127.0.0.1:{own}")
    assert properties["advertised.listeners"].endswith(f",BILLING://127.0.0.1:{proxy}")
    assert properties["listener.security.protocol.map"].endswith(",BILLING:PLAINTEXT")
