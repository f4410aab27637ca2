"""GOST R 34.11-2012 (Streebog) and GOST R 34.10-2012 in software: digests, and verification of signatures."""
