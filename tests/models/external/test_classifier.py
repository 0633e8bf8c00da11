"""Classifiers of timm and torchvision: the contract, the libraries' own logits and costs, weights, and refusals."""

import copy
import json
import pickle
import urllib.request
from collections.abc import Callable
from pathlib import Path

import huggingface_hub.constants
import pytest
import timm
import torch
import torchvision
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

import models
from models.external import classifier as external
from models.external import downloads, regularisation, timm_models, torchvision_models
from models.external.weights_source import MEAN, STD, external_weights, weights_sha256
from models.spec.model_spec import parse_spec
from tests.models.reference import close_by_scale

SIZES = {
    "timm:mobilevit_xxs": 64,
    "timm:swin_tiny_patch4_window7_224": 64,
    "torchvision:maxvit_t": 224,
}
"""The sides of images, unless 32 pixels will do."""

SMALL = [
    *("timm:test_vit", "timm:test_resnet", "timm:test_convnext", "timm:efficientnet_b0", "timm:mobilevit_xxs"),
    *("timm:caformer_s18", "torchvision:resnet18", "torchvision:mobilenet_v3_small", "torchvision:mnasnet0_5"),
    *("torchvision:densenet121", "torchvision:googlenet"),
]
LARGE = [
    "timm:resnetv2_50x1_bit",  # its classifier is a convolution
    *("timm:swin_tiny_patch4_window7_224", "torchvision:swin_t", "torchvision:convnext_tiny", "torchvision:vit_b_16"),
    *("torchvision:maxvit_t", "torchvision:regnet_x_400mf"),
]
"""Built on the meta device only."""

WITH_DROPOUT = [
    *("torchvision:swin_t", "torchvision:convnext_tiny", "torchvision:efficientnet_b0", "torchvision:vit_b_16"),
    *("timm:swin_tiny_patch4_window7_224", "timm:convnext_tiny", "timm:tf_efficientnet_b0"),
]
"""Whose builders have it unless told otherwise, and their like in timm."""


def library_network(name: str, num_classes: int, image_size: int) -> nn.Module:
    """What the library's own builder gives."""
    library, _, name = name.partition(":")
    if library == "timm":
        size = {"img_size": image_size} if timm.get_pretrained_cfg(name).fixed_input_size else {}
        return timm.create_model(name, num_classes=num_classes, **size)
    extra = {"googlenet": {"aux_logits": False, "init_weights": True}, "vit_b_16": {"image_size": image_size}}
    return torchvision.models.get_model(name, num_classes=num_classes, **extra.get(name, {}))


def shaken(network: nn.Module) -> nn.Module:
    """With every weight and statistic away from its initial value, so that none can be taken for another."""
    generator = torch.Generator().manual_seed(11)
    with torch.no_grad():
        for tensor in network.state_dict().values():
            if tensor.is_floating_point():
                tensor.add_(0.05 * tensor.abs().mean().clamp(min=0.1) * torch.rand(tensor.shape, generator=generator))
    return network.eval()


def pixels(image_size: int) -> Tensor:
    """Values from 0 to 1."""
    return torch.rand(2, 3, image_size, image_size, generator=torch.Generator().manual_seed(7))


def ours(values: Tensor) -> Tensor:
    return (values - 0.5) / 0.5


def theirs(name: str, values: Tensor) -> Tensor:
    """The same images as the library's own transforms scale them."""
    library, _, name = name.partition(":")
    if library == "timm":
        config = timm.data.resolve_data_config(pretrained_cfg=timm.get_pretrained_cfg(name).to_dict())
        mean, std = (torch.tensor(config[three])[:, None, None] for three in ("mean", "std"))
        return (values - mean) / std
    if name == "googlenet":  # whose network scales once more where it has the published weights
        return ours(values)
    size = values.shape[-1]
    return torchvision.models.get_model_weights(name).DEFAULT.transforms(crop_size=size, resize_size=size)(values)


@pytest.fixture
def saved(tmp_path: Path) -> Callable[[str, int, int], tuple[str, nn.Module]]:
    """A spec with weights from a file, and the library's network that they are of."""

    def save(name: str, num_classes: int, image_size: int) -> tuple[str, nn.Module]:
        network = shaken(library_network(name, num_classes, image_size))
        path = tmp_path / "external.safetensors"
        save_file({key: value.contiguous() for key, value in network.state_dict().items()}, path)
        return f"{name}:weights={path}", network

    return save


@pytest.mark.parametrize("name", ["timm:test_resnet", "torchvision:mobilenet_v3_small"])
def test_a_model_can_be_copied_pickled_and_averaged(name: str) -> None:
    model = models.build(name, num_classes=5, image_size=32, seed=0).eval()
    images = ours(pixels(32))
    copied, pickled = copy.deepcopy(model), pickle.loads(pickle.dumps(model))
    averaged = torch.optim.swa_utils.AveragedModel(model)
    averaged.update_parameters(model)
    for other in (copied, pickled, averaged.eval()):
        assert torch.equal(other(images), model(images))
    models.weights.load_weights(pickled, model.state_dict(), "a copy")


@pytest.mark.parametrize("name", [*SMALL, *(pytest.param(name, marks=pytest.mark.slow) for name in WITH_DROPOUT)])
def test_nothing_is_drawn_in_training(name: str) -> None:
    """The library's own dropout and stochastic depth are off: the recipe is the suite's alone."""
    size = SIZES.get(name, 32)
    model = models.build(name, num_classes=5, image_size=size, seed=0)
    assert model.training
    state = torch.get_rng_state()
    images = ours(pixels(size))
    assert torch.equal(model(images), model(images))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_dropout_of_whatever_kind_is_found_and_switched_off(device: str) -> None:
    class Drawing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.BatchNorm2d(3)
            self.rate_of_dropping = 0.5
            self.layers = nn.ModuleList([nn.Dropout(0.5), timm.layers.DropPath(0.5)])
            self.attention = nn.MultiheadAttention(4, 1, dropout=0.5)
            self.stochastic = torchvision.ops.StochasticDepth(0.5, "row")

        def forward(self, images: Tensor) -> Tensor:
            features = self.norm(images).flatten(2).mean(1)[:, :4]
            for layer in self.layers:
                features = layer(features)
            features, _ = self.attention(features, features, features, need_weights=False)
            return nn.functional.dropout(self.stochastic(features), self.rate_of_dropping, self.training)

    network = Drawing().to(device)
    images = torch.ones(2, 3, 2, 2, device=device)
    before = network.norm.running_mean.clone()
    assert regularisation.random_operations(network, images)
    regularisation.switch_off(network)
    assert regularisation.random_operations(network, images) == []
    assert network.attention.dropout == network.layers[1].drop_prob == network.stochastic.p == 0
    assert device == "meta" or torch.equal(network.norm.running_mean, before)
    attention = nn.functional.scaled_dot_product_attention
    drawing = WithAttention(attention).to(device)
    assert regularisation.random_operations(drawing, images)


class WithAttention(nn.Module):
    """Whose attention drops, under a name that says nothing."""

    def __init__(self, attention: Callable[..., Tensor]) -> None:
        super().__init__()
        self.attention = attention

    def forward(self, images: Tensor) -> Tensor:
        return self.attention(images, images, images, dropout_p=0.5)


def test_what_draws_all_the_same_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(external, "switch_off", lambda network: None)
    for device in ("cpu", "meta"):
        with (
            torch.device(device),
            pytest.raises(models.SpecError, match=r"mobilenet_v3_small' draws random numbers.*bernoulli"),
        ):
            models.build("torchvision:mobilenet_v3_small", image_size=32)


@pytest.mark.parametrize("name", [*SMALL, *LARGE])
def test_parameters_and_multiply_accumulates_are_the_library_s(name: str) -> None:
    size = SIZES.get(name, 32)
    counts = models.count(name, num_classes=7, image_size=size)
    with torch.device("cpu" if "regnet" in name else "meta"):
        network = library_network(name, 7, size).eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network.to("meta")(torch.empty(1, 3, size, size, device="meta"))
    assert counts.macs == counter.get_total_flops() // 2 > 0
    parameters = sum(parameter.numel() for parameter in network.parameters())
    assert counts.parameters - parameters == (
        7 if name == "torchvision:maxvit_t" else 0
    )  # whose classifier has no bias


@pytest.mark.parametrize("name", [*SMALL, "timm:resnetv2_50x1_bit"])
def test_weights_of_a_file_give_the_library_s_logits(name: str, saved: Callable[..., tuple[str, nn.Module]]) -> None:
    size = SIZES.get(name, 32)
    spec, network = saved(name, 5, size)
    model = models.build(spec, num_classes=5, image_size=size, seed=0).eval()
    values = pixels(size)
    with torch.inference_mode():
        close_by_scale(model(ours(values)), network(theirs(name, values)), 1e-5)


@pytest.mark.parametrize(
    ("scaling", "mean", "std"),
    [
        ("library", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ("imagenet", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ("half", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    ],
)
def test_a_file_s_inputs_are_scaled_as_is_said(
    scaling: str, mean: tuple[float, ...], std: tuple[float, ...], saved: Callable[..., tuple[str, nn.Module]]
) -> None:
    """The library's configuration is of a name, and can't know how a file was trained."""
    spec, network = saved("timm:resnet10t", 5, 32)
    spec = f"{spec},scaling={scaling}"
    model = models.build(spec, num_classes=5, image_size=32, seed=0).eval()
    values = pixels(32)
    inputs = (values - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]
    with torch.inference_mode():
        close_by_scale(model(ours(values)), network(inputs), 1e-5)
    identified = external_weights(parse_spec(spec))
    assert (identified.mean, identified.std) == (mean, std)


def test_another_number_of_classes_gets_a_new_head_on_the_same_body(
    saved: Callable[..., tuple[str, nn.Module]],
) -> None:
    spec, network = saved("timm:test_resnet", 5, 32)
    model = models.build(spec, num_classes=3, image_size=32, seed=0)
    assert torch.equal(model.state_dict()["body.conv1.0.weight"], network.state_dict()["conv1.0.weight"])
    assert model.head.weight.shape == (3, network.fc.in_features)
    assert 0.01 < float(model.head.weight.detach().std()) < 0.03


@pytest.mark.parametrize("name", ["timm:test_convnext", "timm:test_vit", "torchvision:resnet18"])
def test_a_file_without_its_classifier_will_do(name: str, tmp_path: Path) -> None:
    network = library_network(name, 5, 32)
    classifier = models.build(name, num_classes=5, image_size=32).classifier
    body = {key: value for key, value in network.state_dict().items() if not key.startswith(f"{classifier}.")}
    save_file(body, tmp_path / "body.safetensors")
    built = models.build(f"{name}:weights={tmp_path / 'body.safetensors'}", num_classes=5, image_size=32).state_dict()
    assert all(torch.equal(built[f"body.{key}"], value) for key, value in body.items())


def test_an_older_file_lacks_batchnorm_s_counters(tmp_path: Path) -> None:
    """torch counts batches since 0.4.1, and only a norm without momentum reads the count."""
    theirs = timm.create_model("test_resnet", num_classes=10).eval()
    older = {name: value for name, value in theirs.state_dict().items() if not name.endswith("num_batches_tracked")}
    save_file(older, tmp_path / "older.safetensors")
    ours = models.build(f"timm:test_resnet:scaling=half,weights={tmp_path / 'older.safetensors'}", num_classes=10)
    images = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(ours.eval()(images), theirs(images))


def test_tables_of_positions_are_resampled(saved: Callable[..., tuple[str, nn.Module]]) -> None:
    """A ViT's by timm, a Swin's as in our own networks; all else comes through as it is."""
    for name, table in (("timm:test_vit", "pos_embed"), ("timm:swin_tiny_patch4_window7_224", "position_bias_table")):
        spec, network = saved(name, 5, 64)
        built = models.build(spec, num_classes=5, image_size=32).state_dict()
        given = {f"body.{key}": value for key, value in network.state_dict().items() if not key.startswith("head.")}
        resampled = [key for key, value in given.items() if value.shape != built[key].shape]
        assert resampled
        assert all(key.endswith(table) for key in resampled)
        assert all(torch.equal(built[key], value) for key, value in given.items() if key not in resampled)
        assert all(0.3 < built[key].std() / given[key].std() < 1.5 for key in resampled)


def test_the_offsets_of_a_class_token_stay_when_a_table_is_resampled() -> None:
    """BEiT's tables end with three of them."""
    large, small = (
        timm.create_model("beit_base_patch16_224", img_size=size, depth=1, embed_dim=48, num_heads=4, num_classes=3)
        for size in (96, 64)
    )
    name = "blocks.0.attn.relative_position_bias_table"
    given = shaken(large).state_dict()
    resampled = timm_models.resampled(small, given)
    assert resampled[name].shape == (49 + 3, 4)
    assert torch.equal(resampled[name][-3:], given[name][-3:])
    small.load_state_dict(resampled)


def test_torchvision_s_table_of_positions_is_resampled_and_auxiliary_heads_are_left_out() -> None:
    vit, larger = (
        torchvision.models.VisionTransformer(size, patch_size=8, num_layers=1, num_heads=2, hidden_dim=8, mlp_dim=8)
        for size in (16, 32)
    )
    state = {**larger.state_dict(), "aux1.fc.bias": torch.zeros(1)}
    resampled = torchvision_models.resampled(vit, state)
    vit.load_state_dict(resampled)
    assert resampled["encoder.pos_embedding"].shape == (1, 5, 8)
    assert torch.equal(resampled["encoder.pos_embedding"][:, 0], larger.encoder.pos_embedding[:, 0])


def test_a_run_s_weights_come_back_without_the_outside_ones_and_at_another_size(
    saved: Callable[..., tuple[str, nn.Module]], tmp_path: Path
) -> None:
    """The scaling of inputs is in the state dict, and so the bare spec is enough."""
    spec, _ = saved("timm:resnet10t", 5, 32)
    trained = models.build(spec, num_classes=3, image_size=32, seed=0).eval()
    record = {
        "status": "ok",
        "run": {"model": "timm:resnet10t"},
        "data": {"class_names": ["ant", "bee", "cow"]},
        "preprocessing": {"image_size": 32, "mean": MEAN, "std": STD},
    }
    (tmp_path / "record.json").write_text(json.dumps(record))
    save_file(trained.state_dict(), tmp_path / "weights.safetensors")
    loaded = models.load(tmp_path).model
    assert torch.equal(loaded(ours(pixels(32))), trained(ours(pixels(32))))
    assert loaded.state_dict()["input_scale"].tolist() == pytest.approx([0.5 / 0.229, 0.5 / 0.224, 0.5 / 0.225])
    assert loaded.state_dict()["input_shift"][0].item() == pytest.approx((0.5 - 0.485) / 0.229)

    from models.weights import load_weights

    vit = models.build("timm:test_vit", num_classes=3, image_size=64, seed=0)
    smaller = models.build("timm:test_vit", num_classes=3, image_size=32, seed=1)
    load_weights(smaller, vit.state_dict(), "a run")
    assert torch.equal(smaller.head.weight, vit.head.weight)
    assert torch.equal(smaller.state_dict()["body.cls_token"], vit.state_dict()["body.cls_token"])


def test_weights_survive_safetensors(tmp_path: Path) -> None:
    """Of torchvision's versioned modules, too, whose version no safetensors file holds."""
    for name in ("timm:mobilevit_xxs", "torchvision:mnasnet0_5"):
        one, two = (models.build(name, num_classes=6, image_size=64, seed=seed).eval() for seed in (0, 1))
        save_file(one.state_dict(), tmp_path / "weights.safetensors")
        models.weights.load_weights(two, load_file(tmp_path / "weights.safetensors"), "a file")
        assert torch.equal(one(ours(pixels(64))), two(ours(pixels(64))))


@pytest.mark.parametrize(
    ("spec", "image_size", "parts"),
    [
        ("timm:resnet19", 32, ["no model 'resnet19'", "did you mean resnet1", "timm.list_models()"]),
        ("timm:resnet18.a9_in1k", 32, ["no weights 'a9_in1k' of resnet18", "did you mean a", "a1_in1k, a2_in1k"]),
        ("torchvision:resnet19", 32, ["no classifier 'resnet19'", "did you mean resnet1", "vit_b_16"]),
        ("torchvision:squeezenet1_1", 64, ["classifier is not a linear layer"]),
        ("timm:deit_tiny_distilled_patch16_224", 32, ["classifier is not a linear layer"]),
        ("timm:volo_d1_224", 32, ["classifier is not a linear layer"]),  # another classifier's logits are added
        ("timm:test_vit", 33, ["images of 33 pixels", "timm says", "patch"]),
        ("timm:halonet26t", 32, ["images of 32 pixels", "timm says: AssertionError at"]),
        ("torchvision:vit_b_16", 40, ["images of 40 pixels", "torchvision says: Input shape indivisible"]),
        ("torchvision:maxvit_t", 64, ["images of 64 pixels", "torchvision says", "partition size"]),
        ("torchvision:inception_v3", 32, ["images of 32 pixels", "torchvision says"]),
        ("timm:vit_base_patch16_rope_224.none:pretrained=true", 32, ["no weights 'none'"]),
        ("timm:resnet10t.untrained:pretrained=true", 32, ["no weights 'untrained'", "c3_in1k"]),
    ],
)
@pytest.mark.parametrize("device", ["meta", "cpu"])
def test_what_can_t_be_had_is_refused_with_the_reason(
    spec: str, image_size: int, parts: list[str], device: str
) -> None:
    with pytest.raises(models.SpecError) as error, torch.device(device):
        models.build(spec, image_size=image_size)
    for part in parts:
        assert part in str(error.value)


def test_a_missing_file_is_named_and_none_is_read_to_count() -> None:
    spec = "timm:test_vit:weights=nowhere.safetensors"
    for ask in (models.build, lambda spec: external_weights(parse_spec(spec))):
        with pytest.raises(models.SpecError, match=r"nowhere\.safetensors can't be read"):
            ask(spec)
    assert models.count(spec) == models.count("timm:test_vit")


def test_weights_of_something_else_are_all_listed(saved: Callable[..., tuple[str, nn.Module]]) -> None:
    spec, _ = saved("timm:test_resnet", 5, 32)
    with pytest.raises(models.SpecError) as error:
        models.build(spec.replace("test_resnet", "test_vit"), num_classes=5, image_size=32)
    for part in (
        "external.safetensors, weights of timm:test_vit",
        "conv1.0.weight: expected nothing",
        "cls_token: expected",
    ):
        assert part in str(error.value)


def test_memory_that_runs_out_is_no_mistake_of_the_weights(
    saved: Callable[..., tuple[str, nn.Module]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_memory(network: nn.Module, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        raise MemoryError

    spec, _ = saved("timm:test_vit", 5, 64)
    monkeypatch.setattr(timm_models, "resampled", without_memory)
    with pytest.raises(MemoryError):
        models.build(spec, num_classes=5, image_size=32)


def test_a_file_with_code_in_it_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "code.safetensors"
    torch.save(library_network("timm:test_resnet", 5, 32), path)
    with pytest.raises(models.SpecError, match="can't be read as weights"):
        models.build(f"timm:test_resnet:weights={path}")


@pytest.fixture
def caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with empty caches and without a network."""
    monkeypatch.setattr(urllib.request, "_opener", None)  # it remembers the proxy of the first call
    for proxy in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(proxy, "http://127.0.0.1:9")
    for no_proxy in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(no_proxy, raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    huggingface_hub.close_session()
    return tmp_path


@pytest.mark.parametrize("name", ["timm:test_resnet", "torchvision:resnet18"])
def test_without_a_network_the_way_out_is_named(name: str, caches: Path) -> None:
    for ask in (lambda spec: models.build(spec), lambda spec: external_weights(parse_spec(spec))):
        with pytest.raises(models.SpecError) as error:
            ask(f"{name}:pretrained=true")
        for part in (
            f"model '{name}:pretrained=true'",
            "can't be fetched",
            "refused",
            f"{name}:weights=FILE.safetensors",
        ):
            assert part in str(error.value)


def test_a_hub_that_never_answers_is_given_up(caches: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent:
        def head(self, url: str, *, timeout: float) -> None:
            raise TimeoutError(f"no answer in {timeout:g} s")

    monkeypatch.setattr(downloads.huggingface_hub, "get_session", Silent)
    with pytest.raises(models.SpecError, match="can't be fetched: no answer in 10 s"):
        models.build("timm:test_vit:pretrained=true")


def test_timm_s_published_weights(caches: Path) -> None:
    """From the hub's cache, as the client lays it out."""
    network = shaken(timm.create_model("test_vit", num_classes=1000, img_size=160))
    folder = caches / "hub/models--timm--test_vit.r160_in1k"
    for part in ("refs", "snapshots/abc"):
        (folder / part).mkdir(parents=True)
    (folder / "refs/main").write_text("abc")
    save_file(network.state_dict(), folder / "snapshots/abc/model.safetensors")
    model = models.build("timm:test_vit:pretrained=true", num_classes=1000, image_size=160, seed=0).eval()
    with torch.inference_mode():
        close_by_scale(model(ours(pixels(160))), network(theirs("timm:test_vit", pixels(160))), 1e-5)
    identified = external_weights(parse_spec("timm:test_vit.r160_in1k:pretrained=true"))
    assert identified.sha256 == weights_sha256(folder / "snapshots/abc/model.safetensors")
    assert (identified.source, identified.mean) == ("hub:timm/test_vit.r160_in1k", (0.5, 0.5, 0.5))
    small = models.build("timm:test_vit:pretrained=true", num_classes=3, image_size=32, seed=0)
    assert small.head.weight.shape == (3, 64)


def test_torchvision_s_published_weights(caches: Path) -> None:
    """From torch's cache; as older versions of torchvision named them."""
    network = shaken(torchvision.models.densenet121(num_classes=1000))
    weights = torchvision.models.DenseNet121_Weights.DEFAULT
    path = caches / "torch/hub/checkpoints" / weights.url.rpartition("/")[2]
    path.parent.mkdir(parents=True)
    old = network.state_dict()
    for key in list(old):
        if "denselayer" in key:
            old[key.replace("norm1.", "norm.1.").replace("conv2.", "conv.2.")] = old.pop(key)
    torch.save(old, path)
    spec = "torchvision:densenet121:pretrained=true"
    model = models.build(spec, num_classes=1000, image_size=32, seed=0).eval()
    with torch.inference_mode():
        close_by_scale(model(ours(pixels(32))), network(theirs("torchvision:densenet121", pixels(32))), 1e-5)
    assert external_weights(parse_spec(spec)).source == weights.url
