"""TCP links between the parts of a stack, and what goes wrong on them."""
