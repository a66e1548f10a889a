"""What the dispatcher counts."""

from prometheus_client import Counter, Gauge, Histogram

CLAIMED = Counter("gateway_dispatch_claimed_total", "Messages that a worker leased from the dispatch queue.")
OUTCOMES = Counter("gateway_dispatch_outcomes_total", "What became of calls to Meta.", ["outcome"])
GRAPH_ERRORS = Counter("gateway_graph_errors_total", "Errors that Meta answered, by code.", ["code"])
ALERTS = Counter("gateway_graph_alerts_total", "Errors of Meta that need a person, by code.", ["code"])
GRAPH_SECONDS = Histogram("gateway_graph_call_seconds", "Time of one call to Meta.")
IN_FLIGHT = Gauge("gateway_dispatch_in_flight", "Messages between claim and result in this process.")
CONSENT_WAITS = Counter("gateway_dispatch_waits_total", "Messages that consent asked to wait with.")
PARKED = Counter("gateway_dispatch_parks_total", "Answers of Meta that let more rest than their message.", ["what"])
ASIDE = Counter("gateway_dispatch_aside_total", "Messages that left the head of the queue to wait for their pair.")
