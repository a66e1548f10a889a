"""What is counted of media; a tenant is never a label."""

from prometheus_client import Counter, Gauge, Histogram

from services.kernel.metrics import SECONDS

UPLOADS = Counter("media_uploads_total", "Files of tenants: ready, refused.", ["outcome"])
FETCHES = Counter(
    "media_fetches_total", "Tries to fetch what people sent: ready, again, expired, failed, gone, nothing.", ["outcome"]
)
FETCH_SECONDS = Histogram("media_fetch_seconds", "Time of one try to fetch a file from Meta.", buckets=SECONDS)
FETCHING = Gauge("media_fetching", "Files that this process is fetching from Meta.")
REMOVED = Counter("media_files_removed_total", "Files removed: expired, deleted, left_over.", ["why"])
OPENINGS = Counter(
    "media_openings_total",
    "Sealed files, details and contents opened: upload (to Meta), download (by the tenant), details, fetch.",
    ["purpose", "outcome"],
)
