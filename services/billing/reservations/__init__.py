"""Reservations: money is set aside before a message goes out, and earned or given back after it."""
