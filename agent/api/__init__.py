"""What may be asked of the agent: messages, limits, roles, methods."""
