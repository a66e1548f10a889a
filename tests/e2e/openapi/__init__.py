"""What sends the examples of the API document to a running stack."""
