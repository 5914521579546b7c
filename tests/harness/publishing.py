"""Puts events on the broker as another service would: through its own account."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import contracts
from chassis.wire import Publisher
from deploy.local.broker import Broker


def event(type: str, subject: str, sequence: int, data: dict[str, Any]) -> dict[str, Any]:
    """An envelope with a fresh id."""
    contracts.validate(type, data)
    return {
        "specversion": "1.0",
        "datacontenttype": "application/json",
        "id": str(uuid4()),
        "source": contracts.source(type),
        "type": type,
        "subject": subject,
        "time": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        "sequence": sequence,
        "correlationid": str(uuid4()),
        "data": data,
    }


def publish(broker: Broker, sender: str, documents: Iterable[dict[str, Any]]) -> None:
    """Sends envelopes as the service `sender`, and returns when the broker has them."""
    batch = {d["id"]: (d["type"], d["id"], json.dumps(d).encode()) for d in documents}
    publish_raw(broker, sender, batch)


def publish_raw(broker: Broker, sender: str, batch: dict[Any, tuple[str, str, bytes]]) -> None:
    """Sends anything at all."""
    publisher = Publisher(broker.uri(sender))
    try:
        assert publisher.publish(batch) == set(batch)
    finally:
        publisher.close()
