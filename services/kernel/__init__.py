"""What every Vestnik service stands on: contracts, Kafka, database, crypto, HTTP, errors, settings, metrics, logs."""
