"""Why an approval cannot be asked for, given or found."""

from services.kernel.errors import Conflict, Forbidden, NotFound


class ApprovalNotFound(NotFound):
    """Nothing was asked for under this id."""


class SamePerson(Forbidden):
    """Who asks does not approve."""

    code = "same_person"


class NotOpen(Conflict):
    """It was approved, refused, or nobody decided in time."""

    code = "not_open"


class AskedDifferently(Conflict):
    """The same thing is being asked for with other values; that request must be decided first."""

    code = "asked_differently"
