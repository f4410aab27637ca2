"""Trust anchors and paths."""
