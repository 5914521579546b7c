"""What only a run in containers needs; see docker-compose.yml."""
