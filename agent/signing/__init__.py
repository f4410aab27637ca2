"""The signing procedure."""
