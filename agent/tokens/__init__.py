"""The only code that knows PKCS#11: pool, workers, key files."""
