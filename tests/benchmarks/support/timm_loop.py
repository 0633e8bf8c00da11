"""Training on a folder of images as one writes it with torchvision and timm: what our runs are measured beside.

`ImageFolder`, a `DataLoader` with workers, torchvision's transforms, timm's ViT, AdamW as torch makes it, clipping,
and a cosine by hand. It knows nothing of the harness.
"""

import math
from pathlib import Path

import torch
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from torch.utils.data import DataLoader, random_split
from torchvision import transforms
from torchvision.datasets import ImageFolder

LEARNING_RATE = 1e-3
WEIGHT_DECAY = 0.05
WARM_UP = 0.1
CLIP_NORM = 1.0


def build_model(patch_size: int, num_classes: int) -> nn.Module:
    """Build the ViT of width 64 and depth 4 for images of 32 pixels."""
    return VisionTransformer(
        img_size=32, patch_size=patch_size, embed_dim=64, depth=4, num_heads=4, mlp_ratio=4, num_classes=num_classes
    )


def open_loader(folder: Path, num_images: int, batch_size: int, num_workers: int) -> DataLoader[tuple[Tensor, Tensor]]:
    """Open a folder of classes and set aside all but `num_images`, as for validation."""
    augmentation = transforms.Compose(
        [
            transforms.RandomCrop(32, padding=4),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize([0.5] * 3, [0.5] * 3),
        ]
    )
    images = ImageFolder(folder, augmentation)
    train, _ = random_split(images, [num_images, len(images) - num_images])
    return DataLoader(train, batch_size, shuffle=True, num_workers=num_workers)


def train_epoch(model: nn.Module, loader: DataLoader[tuple[Tensor, Tensor]]) -> None:
    """Train once on every image."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    model.train()
    for step, (images, labels) in enumerate(loader):
        for group in optimizer.param_groups:
            group["lr"] = _learning_rate(step, len(loader))
        loss = nn.functional.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM)
        optimizer.step()


def _learning_rate(step: int, num_steps: int) -> float:
    warm_up = round(WARM_UP * num_steps)
    if step < warm_up:
        return LEARNING_RATE * (step + 1) / warm_up
    return LEARNING_RATE * 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(1, num_steps - warm_up)))
