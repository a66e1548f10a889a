"""Real clients of the Cloud API, unmodified, and the receivers that come with them."""
