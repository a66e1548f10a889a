"""What the tests of the walls between tenants need: every route, and answers that can be compared."""
