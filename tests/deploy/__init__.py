"""docker-compose.yaml without a container engine: each command as a plain process, in a network of its own."""
