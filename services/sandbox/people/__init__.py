"""The simulated people who receive, read and answer."""
