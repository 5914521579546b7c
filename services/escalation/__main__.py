"""`python -m services.escalation <command>`: see `chassis.cli`, and `commands` for our own."""

from chassis.cli import main

main("escalation")
