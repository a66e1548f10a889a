"""Times as Meta tells them."""
