"""Facts in, facts out: everything that knows about Kafka."""
