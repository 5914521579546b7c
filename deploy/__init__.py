"""How the system is run; nothing here is needed by the services themselves."""
