"""Build networks of timm and torchvision, and load their weights."""
