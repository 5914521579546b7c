"""Finds the agency that must answer, and keeps the case until it has."""
