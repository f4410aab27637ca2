"""Pero, a local signing agent."""
