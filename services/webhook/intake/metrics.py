"""Metrics of the door that Meta knocks at."""

from prometheus_client import Counter

ACCEPTED = Counter("webhook_facts_accepted_total", "Facts that Kafka acknowledged before Meta got its 200.", ["type"])
REJECTED = Counter("webhook_requests_rejected_total", "Webhooks that were refused at the door.", ["reason"])
IGNORED = Counter("webhook_ignored_total", "Parts of webhooks that nobody here has a use for yet.", ["reason"])
ARRIVED = Counter("webhook_parts_arrived_total", "Parts of webhooks that came through the door.")
BECAME = Counter("webhook_parts_total", "What parts of webhooks became: their sum is what arrived.", ["outcome"])
