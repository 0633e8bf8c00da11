"""Statistics on arrays: arrays in, numbers out."""
