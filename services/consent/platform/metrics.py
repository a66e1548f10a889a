"""Metrics of what Meta says of people."""

from prometheus_client import Counter

PREFERENCES_UNUSED = Counter(
    "consent_preferences_unused_total", "Preferences about a category of Meta's that no purpose stands for."
)
