"""A page that shows a person's phone while things happen."""
