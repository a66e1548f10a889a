"""What can happen to a running stack, each as a function that returns when it is over."""
