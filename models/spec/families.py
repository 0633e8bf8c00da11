"""Determine the family of a model of timm or torchvision from its name alone.

The tables of this module assign such models to the families of a comparison. They use names only, so that planning and
reporting need neither library. Tests compare the tables with the networks that the libraries build.

- `vit`: mixes patches or windows by attention alone. It may convolve only to make or coarsen the grid of tokens (patch
  embedding, steps between stages), and once per stage as a positional encoding.
- `cnn`: convolves, without attention across positions. Gates on channels or on the feature map itself do not count as
  attention. Neither does attention that only pools a map into one vector.
- `hybrid`: does both, in separate stages or within each block.

Attention means weights across positions that depend on the image. Lambda layers and linear or additive attention
count, also if the weights join channels and are summed over positions. In cases of doubt, the authors' own term
decides. The doubtful cases:

- xcit: hybrid. Its attention is among channels; two 3x3 convolutions per block pass information between patches.
- coat, davit, mvitv2, pvt_v2: hybrid. Depth-wise convolutions in each block (as position, pooling or part of the MLP)
  do more than encode positions. twins has one per stage: vit.
- gcvit: hybrid. A block of convolutions ends each stage, and another makes the global queries.
- pit, nest, hiera: vit. They convolve or pool between stages only, and use plain attention within. samvit too: its one
  convolution follows the encoder.
- levit, vit_tiny_r_s16_p8: hybrid, as their authors say, although their trunk is little more than a stem.
  efficientformer: hybrid. Its stages before attention mix by pooling.
- vit_base_mci: vit. Its stem sees each 16x16 patch by itself. volo and the dagger variants of crossvit too: their
  convolutions are the patch embedding.
- halonet_h1: vit. All its stages attend, unlike those of the other halonets.
- resnet50_clip and similar networks: cnn. Attention pools the last map. gcresnet and others with a global context:
  cnn. The context gates channels. bat_resnext: hybrid. Its blocks attend bilinearly across positions.
- fastvit_t, fastvit_s, lowformer_e1, lowformer_e2, convformer, repvit, focalnet, mambaout: cnn. They have no
  attention, whatever the name suggests.

No family: MLP mixers (mixer, gmixer, gmlp, resmlp), pooling (poolformer), recurrence (sequencer2d) and state spaces
(efficientvim).
"""

import re
from typing import Literal, cast

from models.spec.model_error import nearest

Family = Literal["vit", "cnn", "hybrid"]
FAMILIES: tuple[Family, ...] = ("vit", "cnn", "hybrid")

Library = Literal["timm", "torchvision"]
LIBRARIES: tuple[Library, ...] = ("timm", "torchvision")

# Prefixes that say where weights or code come from, not what is built.
_TIMM_ORIGIN = r"(?:(?:adv|dm|ens_adv|gluon|ig|jx|legacy|ssl|swsl|test|tf|tv)_)?"

# Each line holds a family and regular expressions. The family is that of the first line with an expression that matches
# the start of the name, so exceptions come first. A match must end at the end of a word of letters: a new `coatmamba`
# is unknown, and not a `coat`.
_TABLES: dict[Library, str] = {
    "timm": r"""
        hybrid  mobilenetv4_hybrid vit_[a-z]+_r(?:esnet)?\d*d?
        vit     halonet_h1\b
        cnn     fastvit_[st] lowformer_e[12]\b mobilenetv4_conv

        vit     aimv2 beit(?:v2)? cait convit crossvit deepseek_vit deit eva flexivit gemma4_vit hiera hieradet
        vit     naflexvit nest pit qwen3_vit sam2_hiera samvit swin(?:v2)? tnt twins vit volo

        # ResNets and their descendants: gated channels, no norms, partial connections
        cnn     (?:nf_|wide_)?(?:eca_?|gc|se|sk)?resnex?t(?:aa|blur|light|rs|v2)? cspresnex?t res2nex?t resnest senet
        cnn     tresnet
        # chains of plain, dense, aggregated or searched blocks
        cnn     byobnet convformer convmixer convnext(?:v2)? cspnext (?:cs3|csp)?(?:se_?)?(?:dark|edge)net(?:aa)?
        cnn     densenet(?:blur)? dla dpn fasternet focalnet gernet hardcorenas hgnet(?:v2)? hrnet
        cnn     inception_(?:next|resnet|v) mambaout nasnetalarge (?:eca_)?nfnet pnasnet rdnet (?:nf_)?regnet[vxyz]?
        cnn     repvgg selecsls starnet vgg (?:eca_|ese_)?vovnet xception
        # inverted residuals and other networks for phones
        cnn     (?:gc_)?efficientnet(?:v2)? fbnet(?:c|v3) ghostnet(?:v[23])? lcnet(?:v2)? mixnet (?:se)?mnasnet
        cnn     mobilenet(?:v[123])? mobileone repghostnet repvit rexnetr? spnasnet tinynet

        # ResNets and RegNets with attention in some blocks
        hybrid  bat_resnext (?:eca_|se)?(?:bot|halo)nex?t halo2botnet haloregnetz lambda_resnet lamhalobotnet
        # convolutional stages before stages with attention, or both in each block
        hybrid  caformer coat coatne(?:t|xt) cpubone csatv2 davit edgenext efficientformer(?:v2)? efficientvit fastvit
        hybrid  gcvit iformer levit lowformer maxvit maxxvit(?:v2)? mobilenetv5 mobilevit(?:v2)? mvitv2 nextvit pvt_v2
        hybrid  shvit swiftformer tiny_vit visformer vitamin xcit
    """,
    "torchvision": r"""
        vit     swin(?:_v2)?_[bst] vit_[bhl]
        cnn     alexnet convnext densenet efficientnet googlenet inception_v3 mnasnet mobilenet_v[23] regnet_[xy]
        cnn     (?:wide_)?resnet resnext shufflenet_v2 squeezenet vgg
        hybrid  maxvit_t
    """,
}
_ROWS = {
    library: [words for line in table.splitlines() if (words := line.partition("#")[0].split())]
    for library, table in _TABLES.items()
}


def family_of(library: Library, name: str) -> Family | None:
    """Return the family of a library's model, or None if it belongs to no family or is not in the tables.

    The tag of pretrained weights, as in `vit_base_patch16_224.augreg_in21k`, does not matter.
    """
    architecture, origin = name.partition(".")[0], _TIMM_ORIGIN if library == "timm" else ""
    for family, *expressions in _ROWS[library]:
        if re.match(rf"{origin}(?:{'|'.join(expressions)})(?![a-z])", architecture):
            return cast(Family, family)
    return None


def near_word(library: Library, name: str) -> str | None:
    """Return the first word of known names that is most similar to the start of a name, if one is similar enough."""
    first, second, *_ = (*name.partition(".")[0].split("_"), "")
    expressions = " ".join(expression for _, *row in _ROWS[library] for expression in row)
    # Reduce each expression to a plain word: drop its groups and optional parts.
    plain = re.sub(r"\(\?:[^()]*\)\??|\S\?", "", expressions).split()
    words = [word for text in plain if len(word := re.split(r"[\\\[]", text)[0].strip("_")) > 3]
    return nearest(first.rstrip("0123456789"), words, 0.8) or nearest(f"{first}_{second}", words, 0.8)
