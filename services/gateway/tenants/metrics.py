"""What the tenants' doors count."""

from prometheus_client import Counter

REFUSED = Counter(
    "gateway_admissions_refused_total", "Requests turned away: unknown, date, network, rate, scope.", ["reason"]
)
