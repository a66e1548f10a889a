"""The gateway: the one door of tenants, and the hand that calls Meta and calls tenants back."""
