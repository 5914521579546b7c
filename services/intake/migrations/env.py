"""Alembic's entry: see `chassis.migrations.run_migrations`."""

from chassis.migrations import run_migrations
from services.intake.models import Base

run_migrations(Base.metadata)
