"""The pero command."""
