"""A broker that somebody else runs, named by AMQP_URI: used as it is, never started or stopped."""

import amqp

from deploy.local.broker import connect
from deploy.local.process import Failed
from deploy.rabbitmq.definitions import definitions


class GivenBroker:
    """What a system needs of a broker; every service connects as the user in the address."""

    metrics_port: int | None = None

    def __init__(self, uri: str) -> None:
        self._uri = uri

    def launch(self) -> None:
        """Declares exchanges and queues; Failed when the broker cannot be used."""
        wanted = definitions({})
        try:
            connection = connect(self._uri)
            channel = connection.channel()
            for exchange in wanted["exchanges"]:
                channel.exchange_declare(
                    exchange["name"], exchange["type"], durable=True, auto_delete=False,
                    arguments=exchange["arguments"],
                )  # fmt: skip
            for queue in wanted["queues"]:
                channel.queue_declare(
                    queue["name"], durable=True, auto_delete=False, arguments=queue["arguments"]
                )
            for binding in wanted["bindings"]:
                channel.queue_bind(
                    binding["destination"], binding["source"], binding["routing_key"]
                )
            connection.close()
        except (OSError, amqp.exceptions.AMQPError) as error:
            raise Failed(f"the broker of AMQP_URI cannot be used: {error}") from None

    def uri(self, user: str = "") -> str:
        """The given address, whoever asks."""
        return self._uri

    def stop(self) -> None:
        """Leaves it alone."""
