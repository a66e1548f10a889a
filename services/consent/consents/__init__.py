"""What people agreed to and took back, with the evidence."""
