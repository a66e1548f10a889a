"""Metrics of consents."""

from prometheus_client import Counter

ACTS_RECORDED = Counter("consent_acts_recorded_total", "Acts about consents that were recorded.", ["act"])
