"""Alembic's way in."""

from chassis.migrations import run_migrations
from services.escalation.models import Base

run_migrations(Base.metadata)
