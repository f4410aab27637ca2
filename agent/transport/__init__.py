"""Moves frames; knows no method."""
