"""What can go wrong when a tenant asks about messages."""

from services.kernel.errors import NotFound


class MessageNotFound(NotFound):
    """No such message of this tenant; another tenant's is answered the same."""

    def __init__(self) -> None:
        super().__init__("there is no such message; use the id from messages[0].id of the send answer")
