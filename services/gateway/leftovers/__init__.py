"""What callbacks leave behind and nobody needs any more: old facts, dead deliveries, days of history."""
