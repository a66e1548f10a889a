"""Where a tenant wants to be called, and the queue of facts that it has not heard of yet."""
