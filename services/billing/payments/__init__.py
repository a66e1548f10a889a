"""Payments: money that came in for a tenant, booked by one person or, when it is much, by two."""
