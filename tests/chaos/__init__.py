"""Breaking a stack on purpose under load, and counting what came of it."""
