"""How fast it is, beside what the same machine could do at best: floor and ours in one run."""
