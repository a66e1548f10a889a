"""Chooses the scenario of a send: the person's own before everybody's."""

from collections.abc import Callable

from services.kernel.errors import Unprocessable
from services.sandbox.scenarios.schemas import Scenario

__all__ = ["ORDINARY", "Scenario", "Scenarios"]

EVERYBODY = "*"
SCENARIOS_MAX = 100_000  # persons with a scenario of their own
ORDINARY = Scenario()


class Scenarios:
    """In memory only: a restarted sandbox behaves normally."""

    def __init__(self, magic: Callable[[str], Scenario | None] = lambda _: None) -> None:
        self._magic = magic
        self._scenarios: dict[str, Scenario] = {}
        self._left: dict[str, int] = {}

    def put(self, key: str, scenario: Scenario) -> None:
        if key not in self._scenarios and len(self._scenarios) >= SCENARIOS_MAX:
            raise Unprocessable(
                f"the sandbox keeps at most {SCENARIOS_MAX} scenarios; DELETE /_sandbox/scenarios first"
            )
        self.forget(key)
        self._scenarios[key] = scenario
        if scenario.times is not None:
            self._left[key] = scenario.times

    def forget(self, key: str) -> None:
        self._scenarios.pop(key, None)
        self._left.pop(key, None)

    def forget_all(self) -> None:
        self._scenarios.clear()
        self._left.clear()

    def get(self, key: str) -> Scenario | None:
        """The scenario with the number of sends it still holds for."""
        scenario = self._scenarios.get(key)
        return scenario and scenario.model_copy(update={"times": self._left.get(key)})

    def all(self) -> dict[str, Scenario]:
        return {key: self.get(key) or ORDINARY for key in self._scenarios}

    def of(self, phone: str) -> Scenario:
        """The scenario that holds for this person now: their own, that of a magic number, or everybody's."""
        own = self._scenarios.get(phone)
        return own or self._magic(phone) or self._scenarios.get(EVERYBODY, ORDINARY)

    def take(self, phone: str) -> Scenario:
        """The scenario for one send, which is counted (hot path)."""
        key = phone if phone in self._scenarios else EVERYBODY
        if key is EVERYBODY and (magic := self._magic(phone)) is not None:
            return magic
        scenario = self._scenarios.get(key, ORDINARY)
        if key in self._left:
            self._left[key] -= 1
            if self._left[key] == 0:
                self.forget(key)
        return scenario
