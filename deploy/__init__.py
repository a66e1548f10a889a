"""Everything that puts Vestnik on a machine."""
