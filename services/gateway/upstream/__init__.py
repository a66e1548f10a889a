"""Meta's Graph API as the cold routes use it: with the number's own token, live or in test mode."""
