"""How late replies are: told by the workers to the doors, so that mailings yield."""
