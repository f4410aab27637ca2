"""Every wording, in every language."""
