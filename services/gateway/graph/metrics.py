"""What the send door counts."""

from prometheus_client import Counter

ACCEPTED = Counter("gateway_messages_accepted_total", "Messages that were taken in.", ["kind", "lane"])
REFUSED = Counter("gateway_sends_refused_total", "Requests that the send door refused, by Meta's code.", ["code"])
