"""A peer is the same model: as many parameters and multiply-accumulates, and the same logits on the same weights."""

import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
import torch
from timm.models.vision_transformer import VisionTransformer

import models
from bench.speed.peers import timm_peers
from bench.speed.peers.matching import build_peer, peers_of, reference_of
from bench.speed.workload import random_batch
from bench.training.compute import compute_on
from bench.training.settings import Settings
from bench.training.trainer import Trainer
from models.counts import count_network
from models.external.regularisation import random_operations
from models.shapes import shapes_only
from models.spec.families import Library
from models.spec.geometry import check
from tests.benchmarks.support.tasks import go_on

BOTH, TIMM = ("timm", "torchvision"), ("timm",)

PRESETS: dict[str, tuple[Library, ...]] = {
    **dict.fromkeys(("vit_pico/8", "vit_nano/8"), BOTH),
    "vit_lite7/4": (),
    **dict.fromkeys(("vit_tiny/4", "vit_small/16", "vit_base/16", "vit_large/16", "vit_huge/14"), BOTH),
    **dict.fromkeys(("bit_resnet_pico", "bit_resnet_nano", "bit_resnet_tiny"), TIMM),
    **dict.fromkeys(("bit_resnet50", "bit_resnet101", "bit_resnet152", "bit_resnet50x2", "bit_resnet152x2"), TIMM),
    **dict.fromkeys(("resnet18", "resnet34", "resnet50", "resnet101", "resnet152"), BOTH),
    **dict.fromkeys(("convnext_atto", "convnext_femto", "convnext_tiny", "convnext_small", "convnext_base"), BOTH),
    "convnext_xlarge": BOTH,
    "convnextv2_huge": TIMM,
    **dict.fromkeys(("r_pico+vit_pico/8", "r_nano+vit_nano/8", "r_tiny+vit_tiny/4"), TIMM),
    **dict.fromkeys(("r26+vit_small/32", "r50+vit_base/16", "r50+vit_large/32"), TIMM),
    **dict.fromkeys(("cct_2/3x2", "cct_4/3x2", "cct_6/3x1", "cct_7/3x1", "cct_14/7x2", "botnet50"), ()),
    **dict.fromkeys(("coatnet_0", "coatnet_5", "maxvit_tiny"), TIMM),
}
OPTIONED: dict[str, tuple[Library, ...]] = {
    "vit_pico/8:depth=2": BOTH,
    "vit_pico/8:tokenizer=conv-stem": BOTH,
    "vit_pico/16:tokenizer=conv-stem,depth=3": BOTH,
    "vit_pico/8:pool=gap": TIMM,
    "vit_pico/8:pool=map,registers=1": TIMM,
    "vit_pico/8:pos=none": TIMM,
    "vit_pico/8:registers=2,layer_scale=0.1": TIMM,
    "vit_pico/8:pool=gap,registers=2": TIMM,
    "vit_pico/8:drop_path=0.1": TIMM,
    "vit_pico/8:pos=none,tokenizer=conv-stem,pool=gap": TIMM,
    "vit_pico/8:pos=relative": TIMM,
    "vit_pico/8:pos=relative,pool=gap,layer_scale=0.1": TIMM,
    "vit_pico/8:pos=relative,pos_at=every-layer-shared": TIMM,
    "vit_pico/8:pos=relative,tokenizer=conv-stem": TIMM,
    "vit_pico/8:pos=rope-2d": TIMM,
    "vit_pico/8:pos=rope-2d,pool=gap,registers=2,layer_scale=0.1": TIMM,
    "vit_pico/8:pos=rope-2d,pool=map": TIMM,
    "r_pico+vit_pico/16": TIMM,
    "r_pico+vit_pico/8:pool=gap,pos=none": TIMM,
    "r_pico+vit_pico/8:pos=relative": TIMM,
    "r26+vit_small/64:depth=1": TIMM,
    "convnext_atto:stem=cifar": TIMM,
}
UNMATCHED = (
    *(f"vit_pico/8:pos={pos}" for pos in ("learned-2d", "sincos-1d", "sincos-2d", "conditional")),
    "vit_pico/8:pos_at=every-layer",
    "vit_pico/8:pos=relative,pool=map",
    "vit_pico/8:pos=relative,registers=1",
    "vit_pico/8:pos=rope-2d,tokenizer=conv-stem",
    "vit_pico/8:pool=seq",
    "vit_pico/16:padding=4,stride=8",
    "vit_pico/8:stride=4",
    "vit_pico/8:padding=4",
    *(f"vit_pico/8:tokenizer={tokenizer}" for tokenizer in ("conv-tokenizer", "shifted")),
    "r_pico+vit_pico/8:pos=rope-2d",
    "resnet18:stem=cifar",
    "botnet50:stem=cifar",
    "coatnet_0:stem=cifar",
    "maxvit_tiny:stem=cifar",
    "timm:resnet18",
    "torchvision:resnet18",
)
KNOWN = PRESETS | OPTIONED
SMALL = (
    *("vit_pico/8", "bit_resnet_pico", "resnet18", "convnext_atto", "convnextv2_huge", "r_pico+vit_pico/8"),
    *OPTIONED,
)
"""One of each kind; `make test-slow` has all."""

Rules = tuple[tuple[str, str], ...]
"""Patterns of our weights' names, and what they are called there; applied in turn."""

TIMM_VIT: Rules = ()
TIMM_STEM: Rules = (
    *((rf"^patch_embed\.convs\.{3 * layer}\.", f"patch_embed.backbone.{layer}.conv.") for layer in range(3)),
    *((rf"^patch_embed\.convs\.{3 * layer + 1}\.", f"patch_embed.backbone.{layer}.bn.") for layer in range(3)),
    (r"^patch_embed\.proj\.", "patch_embed.backbone.3.conv."),
)
TIMM_RELATIVE: Rules = (
    (r"^position\.tables\.(\d+)$", r"blocks.\1.attn.rel_pos.relative_position_bias_table"),
    *TIMM_STEM[:-1],
)
TIMM_SHARED: Rules = ((r"^position\.tables\.0$", "shared_rel_pos.relative_position_bias_table"),)
TIMM_ROTARY: Rules = ((r"\.ls([12])\.gamma$", r".gamma_\1"),)
TIMM_BIT: Rules = ((r"^head\.", "head.fc."),)
TIMM_BODY: Rules = ((r"^head\.", "head.fc."), (r"^body\.", ""))
RESNET: Rules = ((r"^head\.", "fc."), (r"^body\.", ""))
TORCHVISION_VIT: Rules = (
    ("^cls_token$", "class_token"),
    ("^pos_embed$", "encoder.pos_embedding"),
    (r"^patch_embed\.proj\.", "conv_proj."),
    (r"^blocks\.", "encoder.layers.encoder_layer_"),
    (r"\.norm([12])\.", r".ln_\1."),
    (r"\.attn\.qkv\.", ".self_attention.in_proj_"),
    (r"\.attn\.proj\.", ".self_attention.out_proj."),
    (r"\.fc1\.", ".0."),
    (r"\.fc2\.", ".3."),
    (r"^norm\.", "encoder.ln."),
    (r"^head\.", "heads.head."),
)
TORCHVISION_STEM: Rules = (
    (r"^patch_embed\.proj\.", "conv_proj.conv_last."),
    *((rf"^patch_embed\.convs\.{3 * layer}\.", f"conv_proj.conv_bn_relu_{layer}.0.") for layer in range(3)),
    *((rf"^patch_embed\.convs\.{3 * layer + 1}\.", f"conv_proj.conv_bn_relu_{layer}.1.") for layer in range(3)),
    *TORCHVISION_VIT,
)
TORCHVISION_CONVNEXT: Rules = (
    (r"^head\.", "classifier.2."),
    (r"^body\.head\.norm\.", "classifier.0."),
    (r"^body\.stem\.", "features.0."),
    *((rf"^body\.stages\.{stage}\.downsample\.", f"features.{2 * stage}.") for stage in range(1, 4)),
    *((rf"^body\.stages\.{stage}\.blocks\.", f"features.{2 * stage + 1}.") for stage in range(4)),
    (r"\.gamma$", ".layer_scale"),
    (r"\.conv_dw\.", ".block.0."),
    (r"\.norm\.", ".block.2."),
    (r"\.mlp\.fc1\.", ".block.3."),
    (r"\.mlp\.fc2\.", ".block.5."),
)

SAME_LOGITS: list[tuple[str, Library, Rules, int]] = [
    ("vit_pico/8", "timm", TIMM_VIT, 32),
    ("vit_nano/8", "timm", TIMM_VIT, 32),
    ("vit_small/16:depth=2", "timm", TIMM_VIT, 64),
    ("vit_pico/8:pool=gap,registers=2,layer_scale=0.1", "timm", TIMM_VIT, 32),
    ("vit_pico/8:pool=map", "timm", TIMM_VIT, 32),
    ("vit_pico/8:pos=none", "timm", TIMM_VIT, 32),
    ("vit_pico/8:tokenizer=conv-stem", "timm", TIMM_STEM, 32),
    ("vit_pico/8:pos=relative", "timm", TIMM_RELATIVE, 32),
    ("vit_pico/8:pos=relative,pool=gap,layer_scale=0.1", "timm", TIMM_RELATIVE, 32),
    ("vit_pico/8:pos=relative,pos_at=every-layer-shared", "timm", TIMM_SHARED, 32),
    ("vit_pico/8:pos=rope-2d", "timm", TIMM_ROTARY, 32),
    ("vit_pico/8:pos=rope-2d,pool=gap,registers=2,layer_scale=0.1", "timm", TIMM_ROTARY, 32),
    ("vit_pico/8:pos=rope-2d,pool=map", "timm", TIMM_ROTARY, 32),
    ("r_pico+vit_pico/8", "timm", TIMM_VIT, 32),
    ("r_pico+vit_pico/16:pool=gap", "timm", TIMM_VIT, 32),
    ("r_nano+vit_nano/8", "timm", TIMM_VIT, 32),
    ("r_tiny+vit_tiny/4:depth=2", "timm", TIMM_VIT, 32),
    ("r_pico+vit_pico/8:pos=relative", "timm", TIMM_RELATIVE, 32),
    ("r26+vit_small/32:depth=1", "timm", TIMM_VIT, 64),
    ("bit_resnet_pico", "timm", TIMM_BIT, 32),
    ("bit_resnet_nano", "timm", TIMM_BIT, 32),
    ("bit_resnet_tiny", "timm", TIMM_BIT, 32),
    ("bit_resnet50", "timm", TIMM_BIT, 48),
    ("resnet50", "timm", RESNET, 64),
    ("convnext_atto", "timm", TIMM_BODY, 64),
    ("convnext_atto:stem=cifar", "timm", TIMM_BODY, 32),
    ("coatnet_0", "timm", TIMM_BODY, 64),
    ("vit_pico/8", "torchvision", TORCHVISION_VIT, 32),
    ("vit_small/16:depth=2", "torchvision", TORCHVISION_VIT, 64),
    ("vit_pico/8:tokenizer=conv-stem", "torchvision", TORCHVISION_STEM, 32),
    ("resnet18", "torchvision", RESNET, 64),
    ("convnext_atto", "torchvision", TORCHVISION_CONVNEXT, 64),
]
ONE_OF_A_KIND: list[tuple[str, Library]] = [
    ("vit_pico/8", "timm"),
    ("vit_pico/8", "torchvision"),
    ("vit_pico/8:pos=relative", "timm"),
    ("vit_pico/8:pos=rope-2d", "timm"),
    ("vit_pico/8:tokenizer=conv-stem", "torchvision"),
    ("r_pico+vit_pico/8", "timm"),
    ("bit_resnet_pico", "timm"),
    ("resnet18", "timm"),
    ("convnext_atto", "torchvision"),
]


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """As in a run on a CPU."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(("spec", "peers"), KNOWN.items())
def test_which_libraries_have_a_model(spec: str, peers: tuple[Library, ...]) -> None:
    assert peers_of(spec) == peers


def test_every_preset_is_among_them() -> None:
    assert list(PRESETS) == models.known_models()


@pytest.mark.parametrize("spec", UNMATCHED)
def test_what_is_only_similar_is_no_peer(spec: str) -> None:
    assert peers_of(spec) == ()


def slow_unless_small(*cases: tuple[object, ...]) -> list[object]:
    return [pytest.param(*case, marks=[] if case[0] in SMALL else pytest.mark.slow) for case in cases]


@pytest.mark.parametrize(("spec", "peers"), slow_unless_small(*(pair for pair in KNOWN.items() if pair[1])))
def test_a_peer_has_as_many_parameters_and_multiply_accumulates(spec: str, peers: tuple[Library, ...]) -> None:
    image_size = image_size_of(spec)
    wanted = models.count(spec, num_classes=7, image_size=image_size)
    for library in peers:
        with shapes_only():
            peer = build_peer(spec, library, num_classes=7, image_size=image_size)
        assert count_network(peer, image_size) == (wanted.parameters, wanted.macs), library


@pytest.mark.parametrize(("spec", "library"), [*ONE_OF_A_KIND, ("vit_pico/8:drop_path=0.1", "timm")])
def test_a_peer_draws_nothing_in_training(spec: str, library: Library) -> None:
    """But for the drop path that the name asks for."""
    image_size = image_size_of(spec)
    with torch.device("meta"):
        peer = build_peer(spec, library, num_classes=7, image_size=image_size)
        drawn = random_operations(peer, torch.empty(2, 3, image_size, image_size))
    assert bool(drawn) == ("drop_path" in spec), drawn


@pytest.mark.parametrize(("spec", "library", "rules", "image_size"), slow_unless_small(*SAME_LOGITS))
def test_a_peer_has_the_same_logits_on_the_same_weights(
    spec: str, library: Library, rules: Rules, image_size: int
) -> None:
    ours = randomised(models.build(spec, num_classes=7, image_size=image_size, seed=0).double())
    peer = build_peer(spec, library, num_classes=7, image_size=image_size).double()
    wanted = peer.state_dict()
    renamed = {renamed_by(rules, name): weight for name, weight in ours.state_dict().items()}
    peer.load_state_dict({name: weight.view(wanted[name].shape) for name, weight in renamed.items()})
    pictures = torch.randn(
        3, 3, image_size, image_size, generator=torch.Generator().manual_seed(2), dtype=torch.float64
    )
    for mode in (True, False):  # running statistics differ between the two
        with torch.no_grad():
            logits, expected = ours.train(mode)(pictures), peer.train(mode)(pictures)
        assert expected.std() > 0.01
        # timm keeps its angles in float32
        tolerance = 1e-5 if "rope" in spec else 1e-9
        torch.testing.assert_close(logits, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("spec", "library"), ONE_OF_A_KIND)
def test_our_loop_trains_a_peer(spec: str, library: Library) -> None:
    """In channels_last, until every weight has moved: some start behind a layer of zeros."""
    image_size = image_size_of(spec)
    peer = build_peer(spec, library, num_classes=10, image_size=image_size)
    before = {name: weight.detach().clone() for name, weight in peer.named_parameters()}
    settings = Settings(batch_size=4, channels_last=True, weight_decay=0.0)
    training = Trainer(peer, 100, settings, compute_on("cpu", "fp32"))
    go_on(training, random_batch(4, "cpu", image_size), 3)
    assert training.step == 3
    still = [name for name, weight in peer.named_parameters() if torch.equal(weight, before[name])]
    assert not still
    assert all(weight.isfinite().all() for weight in peer.parameters())


def test_equal_counts_do_not_make_a_peer_of_another_stream() -> None:
    """The Compact Transformers normalise what their blocks add to: timm's ViT takes their weights, and says other."""
    ours = randomised(models.build("vit_lite7/4:depth=2", num_classes=7, seed=0).double()).eval()
    similar = VisionTransformer(32, 4, num_classes=7, embed_dim=256, depth=2, num_heads=4, mlp_ratio=2, qkv_bias=False)
    similar.double().eval().load_state_dict(ours.state_dict())
    pictures = random_batch(3, "cpu")[0].double()
    assert (ours(pictures) - similar(pictures)).abs().max() > 0.1


@pytest.mark.parametrize(
    ("spec", "library", "image_size", "message"),
    [
        ("cct_7/3x1", "timm", 32, "has no peer in timm; neither timm nor torchvision has this model"),
        ("vit_pico/8:pool=gap", "torchvision", 32, "has no peer in torchvision; there is one in timm"),
        ("vit_pico/8", "timm", 36, "use images of 32 or 40 pixels"),
        ("vit_picco/8", "timm", 32, "did you mean vit_pico/8"),
    ],
)
def test_a_peer_that_there_is_not_is_refused(spec: str, library: Library, image_size: int, message: str) -> None:
    with pytest.raises(models.SpecError, match=re.escape(message)):
        build_peer(spec, library, num_classes=10, image_size=image_size)


def test_a_library_that_builds_another_network_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(timm_peers._ROTARY, "use_abs_pos_emb", True)
    with pytest.raises(
        models.SpecError, match=r"has 213,130 parameters, but the installed timm builds it with 214,218"
    ):
        build_peer("vit_pico/8:pos=rope-2d", "timm", num_classes=10, image_size=32)


@pytest.mark.parametrize(
    ("suite", "image_size", "reference"),
    [
        (["bit_resnet_pico", "vit_pico/8", "vit_nano/8"], 32, "vit_pico/8"),
        (["vit_nano/8:pos=none", "vit_nano/4", "vit_nano/8"], 32, "vit_nano/4"),
        (["r_nano+vit_nano/8", "vit_pico/8:tokenizer=conv-stem"], 32, "vit_nano/8"),
        (["vit_lite7/4", "cct_7/3x1", "resnet18:stem=cifar"], 32, "vit_tiny/4"),
        (["timm:vit_small_patch16_224", "resnet50"], 224, "vit_small/16"),
        (["bit_resnet_pico"], 28, "vit_pico/7"),
    ],
)
def test_the_reference_of_a_suite(suite: list[str], image_size: int, reference: str) -> None:
    assert reference_of(suite, image_size) == reference
    assert "timm" in peers_of(reference)


def test_asking_for_peers_loads_neither_torch_nor_a_library() -> None:
    code = (
        "import sys; from bench.speed.peers.matching import peers_of, reference_of\n"
        "assert peers_of('vit_pico/8:pos=rope-2d') and peers_of('resnet18')\n"
        "assert reference_of(['bit_resnet_pico', 'vit_pico/8'], 32) == 'vit_pico/8'\n"
        "print(sorted({'torch', 'torchvision', 'timm', 'numpy'} & sys.modules.keys()))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def image_size_of(spec: str) -> int:
    """A small one that the model takes."""
    return next(size for size in (32, 28, 64) if takes(spec, size))


def takes(spec: str, image_size: int) -> bool:
    try:
        check(models.parse_spec(spec), image_size)
    except models.SpecError:
        return False
    return True


def randomised(model: models.Classifier) -> models.Classifier:
    """With every weight far from its initial value."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return model


def renamed_by(rules: Rules, name: str) -> str:
    for pattern, there in rules:
        name = re.sub(pattern, there, name)
    return name
