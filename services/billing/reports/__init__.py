"""Reports: which of our messages a report of Meta's speaks of, when it names only Meta's own id."""
