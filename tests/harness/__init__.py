"""What tests stand on: a broker, a database server, databases of services, and the whole system."""
