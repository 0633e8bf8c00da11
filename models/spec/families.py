"""The family of a model of timm or torchvision, told from its name alone.

Owns the tables that say in which column of a comparison such a model stands. They read names only, so that
planning and reporting need neither library; the tests hold them against what the libraries build.

- `vit`: patches or windows mixed by attention alone. Convolution only where the grid of tokens is made or made
  coarser (patch embedding, steps between stages) and once a stage as a positional encoding.
- `cnn`: convolution without attention across positions. Gates on channels or on the feature map itself don't
  count as attention, nor does attention that does nothing but pool a map into one vector.
- `hybrid`: both, be it in stages of either kind or within each block.

Attention means weights across positions that depend on the image, lambda layers and the linear or additive kinds
included, also where the weights join channels and are summed over positions. Where that leaves room, what the
authors call the model decides. The doubtful ones:

- xcit: hybrid; its attention is among channels, and what passes between patches goes through two 3x3
  convolutions in each block.
- coat, davit, mvitv2, pvt_v2: hybrid; depth-wise convolutions in each block, as position, pooling or part of the
  MLP, do more than encode positions. twins has one a stage: vit.
- gcvit: hybrid; a block of convolutions ends each stage and another makes the global queries.
- pit, nest, hiera: vit; convolution or pooling between stages only, plain attention within. samvit too: its
  one convolution comes behind the encoder.
- levit, vit_tiny_r_s16_p8: hybrid, as their authors call them, though their trunk is little more than a stem.
  efficientformer: hybrid; it mixes by pooling in the stages before attention.
- vit_base_mci: vit; its stem sees each 16x16 patch by itself. volo and the dagger variants of crossvit too: their
  convolutions are the patch embedding.
- halonet_h1: vit; attention in all its stages, unlike the other halonets.
- resnet50_clip and its like: cnn; attention pools the last map. gcresnet and others with a global context: cnn;
  it gates channels. bat_resnext: hybrid; bilinear attention across positions in its blocks.
- fastvit_t, fastvit_s, lowformer_e1, lowformer_e2, convformer, repvit, focalnet, mambaout: cnn; no attention,
  whatever the name suggests.

Outside: MLP mixers (mixer, gmixer, gmlp, resmlp), pooling (poolformer), recurrence (sequencer2d) and state spaces
(efficientvim).
"""

import difflib
import re
from typing import Literal

from models.spec.presets import Family

Library = Literal["timm", "torchvision"]
_Rows = tuple[tuple[Family, tuple[str, ...]], ...]

# Words in front that say where weights or code are from, not what is built.
_TIMM_ORIGIN = r"(?:(?:adv|dm|ens_adv|gluon|ig|jx|legacy|ssl|swsl|test|tf|tv)_)?"

# The first row with a pattern that the name starts with tells the family: exceptions first. A pattern ends where a
# word of letters does, so that a new `coatmamba` is unknown rather than a `coat`.
_TIMM: _Rows = (
    ("hybrid", (r"mobilenetv4_hybrid", r"vit_[a-z]+_r(?:esnet)?\d*d?")),
    ("vit", (r"halonet_h1\b",)),
    ("cnn", (r"fastvit_[st]", r"lowformer_e[12]\b", r"mobilenetv4_conv")),
    (
        "vit",
        (
            r"aimv2",
            r"beit(?:v2)?",
            r"cait",
            r"convit",
            r"crossvit",
            r"deepseek_vit",
            r"deit",
            r"eva",
            r"flexivit",
            r"gemma4_vit",
            r"hiera",
            r"hieradet",
            r"naflexvit",
            r"nest",
            r"pit",
            r"qwen3_vit",
            r"sam2_hiera",
            r"samvit",
            r"swin(?:v2)?",
            r"tnt",
            r"twins",
            r"vit",
            r"volo",
        ),
    ),
    (
        "cnn",
        (
            # ResNets and ResNeXts, channel-gated, norm-free or cross-stage partial, and what grew out of them
            r"(?:nf_|wide_)?(?:eca_?|gc|se|sk)?resnex?t(?:aa|blur|light|rs|v2)?",
            r"cspresnex?t",
            r"res2nex?t",
            r"resnest",
            r"senet",
            r"tresnet",
            # chains of plain, dense, aggregated or searched blocks
            r"byobnet",
            r"convformer",
            r"convmixer",
            r"convnext(?:v2)?",
            r"cspnext",
            r"(?:cs3|csp)?(?:se_?)?(?:dark|edge)net(?:aa)?",
            r"densenet(?:blur)?",
            r"dla",
            r"dpn",
            r"fasternet",
            r"focalnet",
            r"gernet",
            r"hardcorenas",
            r"hgnet(?:v2)?",
            r"hrnet",
            r"inception_(?:next|resnet|v)",
            r"mambaout",
            r"nasnetalarge",
            r"(?:eca_)?nfnet",
            r"pnasnet",
            r"rdnet",
            r"(?:nf_)?regnet[vxyz]?",
            r"repvgg",
            r"selecsls",
            r"starnet",
            r"vgg",
            r"(?:eca_|ese_)?vovnet",
            r"xception",
            # inverted residuals and other nets for phones
            r"(?:gc_)?efficientnet(?:v2)?",
            r"fbnet(?:c|v3)",
            r"ghostnet(?:v[23])?",
            r"lcnet(?:v2)?",
            r"mixnet",
            r"(?:se)?mnasnet",
            r"mobilenet(?:v[123])?",
            r"mobileone",
            r"repghostnet",
            r"repvit",
            r"rexnetr?",
            r"spnasnet",
            r"tinynet",
        ),
    ),
    (
        "hybrid",
        (
            # ResNets and RegNets with attention in some of their blocks
            r"bat_resnext",
            r"(?:eca_|se)?(?:bot|halo)nex?t",
            r"halo2botnet",
            r"haloregnetz",
            r"lambda_resnet",
            r"lamhalobotnet",
            # convolutional stages, then stages with attention; or both in each block
            r"caformer",
            r"coat",
            r"coatne(?:t|xt)",
            r"cpubone",
            r"csatv2",
            r"davit",
            r"edgenext",
            r"efficientformer(?:v2)?",
            r"efficientvit",
            r"fastvit",
            r"gcvit",
            r"iformer",
            r"levit",
            r"lowformer",
            r"maxvit",
            r"maxxvit(?:v2)?",
            r"mobilenetv5",
            r"mobilevit(?:v2)?",
            r"mvitv2",
            r"nextvit",
            r"pvt_v2",
            r"shvit",
            r"swiftformer",
            r"tiny_vit",
            r"visformer",
            r"vitamin",
            r"xcit",
        ),
    ),
)

_TORCHVISION: _Rows = (
    ("vit", (r"swin(?:_v2)?_[bst]", r"vit_[bhl]")),
    (
        "cnn",
        (
            r"alexnet",
            r"convnext",
            r"densenet",
            r"efficientnet",
            r"googlenet",
            r"inception_v3",
            r"mnasnet",
            r"mobilenet_v[23]",
            r"regnet_[xy]",
            r"(?:wide_)?resnet",
            r"resnext",
            r"shufflenet_v2",
            r"squeezenet",
            r"vgg",
        ),
    ),
    ("hybrid", (r"maxvit_t",)),
)


def _compiled(rows: _Rows, origin: str = "") -> list[tuple[Family, re.Pattern[str]]]:
    return [(family, re.compile(rf"{origin}(?:{'|'.join(words)})(?![a-z])")) for family, words in rows]


_TABLES = {"timm": _compiled(_TIMM, _TIMM_ORIGIN), "torchvision": _compiled(_TORCHVISION)}


def family_of(library: Library, name: str) -> Family | None:
    """`vit`, `cnn` or `hybrid`; None where the model is outside the three or not in the tables.

    A tag of pretrained weights, as in `vit_base_patch16_224.augreg_in21k`, plays no part.
    """
    architecture = name.partition(".")[0]
    return next((family for family, pattern in _TABLES[library] if pattern.match(architecture)), None)


def near_word(library: Library, name: str) -> str | None:
    """The nearest of the words that known names begin with; None where none is near."""
    first, second, *_ = (*name.partition(".")[0].split("_"), "")
    words = _plain_words({"timm": _TIMM, "torchvision": _TORCHVISION}[library])
    starts = (first.rstrip("0123456789"), f"{first}_{second}")
    found = [word for start in starts for word in difflib.get_close_matches(start, words, n=1, cutoff=0.8)]
    return found[0] if found else None


def _plain_words(rows: _Rows) -> list[str]:
    """The patterns without what may be left out, and up to where they leave something open."""
    patterns = [pattern for _, words in rows for pattern in words]
    plain = (re.sub(r"\(\?:[^()]*\)\??|.\?", "", pattern) for pattern in patterns)
    return [word for word in (re.split(r"[\\\[]", text)[0].strip("_") for text in plain) if len(word) > 3]
