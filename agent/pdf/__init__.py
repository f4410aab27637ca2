"""Signatures in PDF documents (ISO 32000-2 section 12.8; PAdES, ETSI EN 319 142-1): bytes in, bytes out."""
