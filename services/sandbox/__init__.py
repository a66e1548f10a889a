"""The simulated Meta: the embedded upstream of the local stack, of the load test and of the chaos runs."""
