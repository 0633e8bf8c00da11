"""The same networks as timm and torchvision build them, to measure ours against."""
