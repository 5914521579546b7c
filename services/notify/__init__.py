"""Holds who reporters are and how they are reached, and tells them every step of their report."""
