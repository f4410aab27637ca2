"""CMS signed data: pure, bytes in and bytes out."""
