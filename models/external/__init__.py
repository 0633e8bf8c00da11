"""Models and weights of timm and torchvision."""
