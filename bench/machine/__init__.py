"""The computer: its environment, device and memory."""
