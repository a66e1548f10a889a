"""The document of the public door and the page that shows it."""
