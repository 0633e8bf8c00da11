"""Our models in the implementations of timm and torchvision, to compare speeds with ours."""
