"""Why a decision cannot be told."""

from services.kernel.errors import NotFound


class DecisionNotFound(NotFound):
    """No message of this tenant has this id, or it was not decided about yet."""
