"""The embedded run: broker, database, gateway and services on this machine, in one folder."""
