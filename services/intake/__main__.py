"""`python -m services.intake <command>`: see `chassis.cli`."""

from chassis.cli import main

main("intake")
