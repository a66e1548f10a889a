"""Metrics of clearance."""

from prometheus_client import Counter

DECISIONS = Counter("consent_decisions_total", "Messages judged, also at redelivery, by what was decided.", ["outcome"])
ANSWERS = Counter("consent_answers_total", "Answers to the question before the call.", ["answer"])
BLOCKS_UNMATCHED = Counter(
    "consent_blocks_unmatched_total", "Reports of 131050 that name no message we have judged; nothing was withdrawn."
)
