"""Looking after keys: stray copies of them, the age of their passphrases, and what to do when one may be lost."""
