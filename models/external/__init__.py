"""Networks and weights of timm and torchvision."""
