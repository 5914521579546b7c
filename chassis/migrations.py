"""Brings a database to its newest revision. Only the command that migrates imports this: Alembic
would fill 12 MB in each process that serves."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import sqlalchemy as sa
from alembic import command, context
from alembic.config import Config


def migrate(service: str, url: str) -> None:
    """Brings a service's database to the newest revision of its `migrations` folder."""
    package = import_module(f"services.{service}")
    config = Config()
    folder = Path(str(package.__file__)).parent / "migrations"
    config.set_main_option("script_location", str(folder))
    config.attributes.update(url=url, role=service)
    command.upgrade(config, "head")


def run_migrations(metadata: sa.MetaData) -> None:
    """What each `migrations/env.py` calls: one transaction, and no waiting behind live traffic.
    At its end the service's role has the rights that the models tell."""
    bind = sa.create_engine(context.config.attributes["url"], poolclass=sa.NullPool)
    with bind.connect() as connection:
        connection.execute(sa.text("SET lock_timeout = '2s'"))
        connection.commit()
        context.configure(connection=connection, target_metadata=metadata)
        with context.begin_transaction():
            context.run_migrations()
            _give_rights(connection, metadata, context.config.attributes["role"])


def _give_rights(owner: sa.Connection, metadata: sa.MetaData, role: str) -> None:
    """Exactly these: rows of the owner's tables are read and written, but where
    `info={"append_only": True}` only added. Tables that are others' are not touched."""
    owned = (
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        " AND tableowner = current_user AND tableowner <> :role"
    )
    for name in owner.scalars(sa.text(owned), {"role": role}).all():
        table = metadata.tables.get(name)
        added = table is not None and table.info.get("append_only")
        rights = "SELECT, INSERT" if added else "SELECT, INSERT, UPDATE, DELETE"
        rights = "SELECT" if name == "alembic_version" else rights
        for right in (f"REVOKE ALL ON {name} FROM {role}", f"GRANT {rights} ON {name} TO {role}"):
            owner.execute(sa.text(right))
