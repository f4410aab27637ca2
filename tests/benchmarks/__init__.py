"""Figures: what Pero costs, beside what the raw calls cost in the same run. `make bench`."""
