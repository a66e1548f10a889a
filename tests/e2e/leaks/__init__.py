"""Finds what must not be found: plaintext and phone numbers, in any form, in topics, tables and logs."""
