"""What goes to the Ombudsman and comes back: the feed, the dossiers, the answers."""
