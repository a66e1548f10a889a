"""What callbacks leave behind and nobody needs any more: old facts and dead deliveries."""
