"""What can go wrong while a stack starts, in words for the person at the keyboard."""


class StackError(Exception):
    """The stack cannot start or go on; the text says what to do about it."""
