"""What is read from X.509 certificates."""
