"""Mends what can be mended without guessing: told beforehand, agreed to, done, checked again, and undone on demand."""
