"""The 24 hours in which a person who wrote may be answered freely."""
