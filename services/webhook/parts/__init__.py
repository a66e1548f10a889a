"""What the body of a webhook falls into, and what may become of each part."""
