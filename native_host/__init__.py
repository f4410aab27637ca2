"""The native messaging host: copies frames between browser and agent. Standard library only."""
