"""Finds out what is wrong on this machine, and says how to mend it."""
