"""Pero's own window: certificates, files, journal, sites, settings. A client of the agent; it holds no secret."""
