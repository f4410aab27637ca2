"""Time-stamps by authorities on the network (RFC 3161), and the way to them."""
