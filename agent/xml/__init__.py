"""Signatures of XML documents (XML Signature 1.1; XAdES, ETSI EN 319 132-1): bytes in, bytes out."""
