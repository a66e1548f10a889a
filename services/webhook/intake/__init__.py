"""The hot door: a signed webhook becomes facts on Kafka."""
