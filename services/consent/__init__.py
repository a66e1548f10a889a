"""The consent service: may this message go out to this person, now."""
