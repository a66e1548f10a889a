"""The processes of Vestnik: which there are, and in which order they start."""

from collections.abc import Iterable, Mapping

MODULES: Mapping[str, str] = {
    "sandbox-api": "services.sandbox.api",
    "gateway-api": "services.gateway.api",
    "webhook-api": "services.webhook.api",
    "consent-api": "services.consent.api",
    "billing-api": "services.billing.api",
    "gateway-worker": "services.gateway.worker",
    "consent-worker": "services.consent.worker",
    "billing-worker": "services.billing.worker",
}
SERVICES = tuple(MODULES)
INFRASTRUCTURE = ("postgres", "kafka")
# About a third of a door's share when both want the same core; and as batch work a worker that wakes up pushes nobody
# aside: a busy door answers sooner, and fewer changes of task cost less.
WORKERS_PRIORITY = ("nice", "-n", "5", "chrt", "--batch", "0")
MIGRATED = ("gateway", "webhook", "consent", "billing")


def base(name: str) -> str:
    """Return the process a copy copies: gateway-worker-2 -> gateway-worker."""
    head, _, number = name.rpartition("-")
    return head if number.isdigit() else name


def service(name: str) -> str:
    """Return the service a process belongs to: gateway-worker-2 -> gateway."""
    return name.partition("-")[0]


def names(wanted: Iterable[str], copies: Mapping[str, int]) -> list[str]:
    """Return the names of all processes; the second copy of gateway-worker is gateway-worker-2."""
    return [
        name if number == 1 else f"{name}-{number}" for name in wanted for number in range(1, copies.get(name, 1) + 1)
    ]


def priority(name: str) -> list[str]:
    """Return what goes before a worker's command: where cores are few, the doors answer first."""
    return list(WORKERS_PRIORITY) if base(name).endswith("-worker") else []
