"""Tests are sentences; most run on a real PostgreSQL and RabbitMQ of their own."""
