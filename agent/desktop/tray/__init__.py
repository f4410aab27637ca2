"""The icon beside the clock: what it shows, its menu, notifications, and the ways in which desktops take them."""
