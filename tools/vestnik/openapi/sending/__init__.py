"""The send door in the document: every kind of message with its shape, its limits and an example."""
