"""The send door in the shape of Meta's Graph API."""
