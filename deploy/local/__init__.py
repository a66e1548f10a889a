"""The embedded stack: real PostgreSQL, real Kafka, every service, as child processes of one small supervisor."""
