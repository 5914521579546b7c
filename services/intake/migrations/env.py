"""Alembic's entry: see `chassis.database.run_migrations`."""

from chassis.database import run_migrations
from services.intake.models import Base

run_migrations(Base.metadata)
