"""Mechanism that any service here needs and that knows nothing of reports.

Events that cannot get lost (outbox, relay, inbox), HTTP that never shows its inside, clocks,
configuration, logs and metrics. If a line here could not stand in a hospital's system, it is
in the wrong place.
"""
