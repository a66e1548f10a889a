"""What may be learnt from a text before it is sealed."""
