"""Windows and notifications."""
