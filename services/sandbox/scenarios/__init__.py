"""What the operator of a test wants to happen to sends."""
