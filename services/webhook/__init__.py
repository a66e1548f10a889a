"""The webhook service: takes Meta's reports at the edge, seals what is private and says 200 only after Kafka did."""
