"""`python -m services.intake <command>`: see `chassis.cli`, and `commands` for our own."""

from chassis.cli import main

main("intake")
