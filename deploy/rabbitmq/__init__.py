"""What the broker must know before a service may connect."""
