"""An hour under load, and minutes without Kafka or PostgreSQL: what grows, what is pruned, what is lost."""
