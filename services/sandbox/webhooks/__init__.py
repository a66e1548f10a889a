"""What the sandbox tells the webhook, and how stubbornly."""
