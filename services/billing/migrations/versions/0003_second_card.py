"""A rate card whose gifts are named by category: free-form messages came in more kinds than text."""

import json

from services.kernel.migrate import script

revision = "0003_second_card"
down_revision = "0002_reservations"
branch_labels = None
depends_on = None

# The first card's ladder; "service" is the category of whatever is no template.
SECOND_CARD = {
    "currency": "RUB",
    "mode": "graduated",
    "tiers": [[1_000, "6.00"], [10_000, "4.50"], [100_000, "2.50"], [1_000_000, "1.00"], [None, "0.30"]],
    "free_in_window": ["service"],
}


def upgrade() -> None:
    card = json.dumps(SECOND_CARD)
    script(f"insert into rate_cards values (2, $card${card}$card$, '2025-02-01T00:00:00+03:00')")
