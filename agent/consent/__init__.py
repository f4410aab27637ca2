"""What the person allowed, and how the person is asked."""
