"""Accepts reports, keeps what the reporter may see, and takes what the reporter asks for next."""
