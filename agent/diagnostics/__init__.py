"""What is wrong, why, and how to mend it."""
