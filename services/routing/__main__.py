"""`python -m services.routing <command>`."""

from chassis.cli import main

main("routing")
