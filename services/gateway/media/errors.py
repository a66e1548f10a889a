"""What can be wrong with a stored file."""

from services.gateway.graph.errors import GraphError
from services.kernel.errors import NotFound, TooManyRequests, Unavailable

DOWNLOAD_CODE = 131052
RETRY_AFTER_SECONDS = 5
DOWNLOAD_RETRY_AFTER_SECONDS = 2


class NoSuchMedia(NotFound):
    """Unknown, another tenant's, deleted or too old: nobody can tell which."""

    code = "no_such_media"

    def __init__(self) -> None:
        super().__init__("there is no media with this id")


class StillFetching(Unavailable):
    """A person has just sent it, and Meta has not given it to us yet."""

    code = "still_fetching"

    def __init__(self) -> None:
        super().__init__(
            "the file is still being fetched from Meta: ask again after Retry-After",
            retry_after_seconds=RETRY_AFTER_SECONDS,
        )


class TooManyDownloads(TooManyRequests):
    """As many downloads as may be open are open, this tenant's or all of them."""

    code = "too_many_downloads"

    def __init__(self) -> None:
        super().__init__(
            "too many downloads are open: read them to their end, then ask again",
            retry_after_seconds=DOWNLOAD_RETRY_AFTER_SECONDS,
        )


class NotDownloadable(GraphError):
    """Meta will never give out what the person sent: too large, or broken."""

    code = "not_downloadable"
    graph_code = DOWNLOAD_CODE
    title = "Media download error"

    def __init__(self) -> None:
        super().__init__(
            "The file that the person sent cannot be downloaded from Meta: ask the person to send it again."
        )


class FileMissing(NotFound):
    """The row is there and its file is not: the directory was lost or is another one."""

    def __init__(self) -> None:
        super().__init__("the file is not stored any more")
