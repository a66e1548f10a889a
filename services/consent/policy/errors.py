"""Why a rule is not made."""

from services.kernel.errors import Conflict, NotFound, Unprocessable


class RuleNotFound(NotFound):
    """No rule has this id."""


class UnknownTenant(NotFound):
    """No tenant has this id."""


class RuleRefused(Unprocessable):
    """The rule contradicts itself or what exists; the message begins with the field."""

    code = "invalid"


class ChangedMeanwhile(Conflict):
    """Somebody else added a version of the same rule at the same moment."""

    code = "changed_meanwhile"
