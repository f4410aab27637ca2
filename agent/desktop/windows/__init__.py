"""Qt windows, run as processes of their own."""
