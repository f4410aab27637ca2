"""The version of what is said."""

PROTOCOL = 1  # version of PROTOCOL.md; rises when a published message changes its meaning
