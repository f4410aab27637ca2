"""Verification of signatures, with reasons."""
