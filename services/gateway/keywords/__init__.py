"""A tenant's own words for STOP and START, and what people are told when they say them."""
