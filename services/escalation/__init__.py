"""Watches every promise about time, raises what was not kept, and keeps the Ombudsman's feed."""
