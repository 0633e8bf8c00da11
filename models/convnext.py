"""ConvNeXt and ConvNeXt V2: CNNs of depth-wise 7x7 convolutions and MLPs, in a hierarchy of four stages.

Papers: Liu et al. 2022, "A ConvNet for the 2020s" (arXiv 2201.03545): `convnext_*`. Woo et al. 2023, "ConvNeXt V2"
(arXiv 2301.00808), which adds global response normalisation: `convnextv2_huge`.
Source: timm's networks with timm's initial weights, under timm's parameter names, with our head.

Deviations: `stem=cifar`, for images of 32 pixels, makes patches of one pixel instead of 4x4. The last map then has one
cell per 8 pixels instead of one per 32.
"""

from typing import Any

import timm

from models.contract import Classifier
from models.external.wrapped import Wrapped, timm_width
from models.spec.model_spec import ModelSpec
from models.spec.sizes import ConvNextSize


def build_convnext(spec: ModelSpec, num_classes: int, image_size: int) -> Classifier:
    """Build the ConvNeXt that `spec` names; its weights do not depend on `image_size`."""
    size = spec.kind.size
    assert isinstance(size, ConvNextSize)
    options: dict[str, Any] = {"patch_size": 1} if spec.option("stem") == "cifar" else {}
    if size.depths is not None:
        options["depths"] = size.depths
    body = timm.create_model(size.architecture, num_classes=0, **options)
    return Wrapped(body, timm_width(body), num_classes)
