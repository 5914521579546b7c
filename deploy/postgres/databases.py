"""One database and one login role per service, and no way from one into another's."""

import re

from deploy.rabbitmq.definitions import SERVICES


def statements(service: str, password: str) -> list[str]:
    """SQL for the administrator, to be run one by one and outside of a transaction, once."""
    if not re.fullmatch(r"[a-z_]+", service) or not re.fullmatch(r"[\w-]+", password):
        raise ValueError("a service's name is a word, its password made by deploy.secrets")
    return [
        f"CREATE ROLE {service} LOGIN PASSWORD '{password}'",
        f"CREATE DATABASE {service} OWNER {service}",
        *only_for(service),
    ]


def only_for(database: str) -> list[str]:
    """SQL that keeps every other role out of a database."""
    return [f"REVOKE ALL ON DATABASE {database} FROM PUBLIC"]


__all__ = ["SERVICES", "only_for", "statements"]
