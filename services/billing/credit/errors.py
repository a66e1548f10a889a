"""Why a credit limit is not set."""

from services.kernel.errors import Conflict


class BelowUse(Conflict):
    """The tenant uses more credit than the new limit allows; it can be set all the same by saying so."""

    code = "below_use"
