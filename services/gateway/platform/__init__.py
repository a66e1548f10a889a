"""What Meta says about templates, numbers and accounts: remembered here, and told to the tenant."""
