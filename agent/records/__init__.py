"""The journal in a person's hands: searched, exported, and kept as long as the administrator wants it."""
