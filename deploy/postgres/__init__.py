"""What the database server must know before a service may connect."""
