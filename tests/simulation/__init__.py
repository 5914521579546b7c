"""The chassis on real databases, between a broker and processes that one random seed makes fail."""
