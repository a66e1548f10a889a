"""What Meta says about templates, numbers, accounts and people's preferences."""
