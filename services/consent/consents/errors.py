"""Why a consent is recorded and does not count."""

from datetime import datetime

from services.kernel.errors import Conflict, Unavailable


class WithdrawnByPerson(Conflict):
    """The person stopped the tenant; only the person can lift that."""

    code = "withdrawn_by_person"

    def __init__(self) -> None:
        super().__init__(
            "withdrawn by the person; only the person's START or form lifts it (the consent is kept as history)"
        )


class WithdrawnLater(Conflict):
    """The tenant itself recorded a later withdrawal."""

    code = "withdrawn_later"

    def __init__(self, at: datetime) -> None:
        super().__init__(
            f"a withdrawal of {at.isoformat()} is later than this consent and stands (the consent is kept as history); "
            "if the person agreed again after it, send that consent with its own given_at"
        )


class NumberLeft(Conflict):
    """Meta told us after that moment that the person has another number."""

    code = "number_left"

    def __init__(self) -> None:
        super().__init__(
            "the person left this number after agreeing (the consent is kept as history); "
            "ask whoever has the number now, and send that consent with its own given_at"
        )


class TenantNotKnownYet(Unavailable):
    """The gateway's fact about this tenant has not arrived here."""

    def __init__(self) -> None:
        super().__init__("this tenant's keys have not arrived yet; try again in a second")
