"""What the processes of Pero say to each other, and how a PIN travels."""
