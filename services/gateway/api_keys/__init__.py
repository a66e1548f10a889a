"""API keys: made, shown, rotated and revoked by the tenant itself."""
