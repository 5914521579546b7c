"""`python -m services.notify <command>`."""

from chassis.cli import main

main("notify")
