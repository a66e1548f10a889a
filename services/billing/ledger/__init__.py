"""The ledger: accounts, and the transfers between them that are never changed."""
