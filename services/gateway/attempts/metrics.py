"""What is counted of the attempt log."""

from prometheus_client import Counter

OPENINGS = Counter(
    "callback_attempt_openings_total", "Heads of attempts opened to show them to their tenant.", ["outcome"]
)
