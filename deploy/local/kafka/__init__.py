"""A real Apache Kafka broker as a child process."""
