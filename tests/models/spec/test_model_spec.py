"""Names of models: what they mean, their canonical form, and the message that a wrong one gets."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.spec.geometry import num_tokens
from models.spec.grammar import format_options, parse_options
from models.spec.model_spec import SpecError, known_models, parse_spec
from models.spec.options import PLACES_OF_POSITION, Choice, Fraction, Whole
from models.spec.presets import PRESETS

KEYS = st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,8}", fullmatch=True)


@st.composite
def spec_texts(draw: st.DrawFn) -> str:
    """A valid name, with its options in any order, some of them defaults, some in needless quotes."""
    name = draw(st.sampled_from(sorted(PRESETS)))
    preset = PRESETS[name]
    patch = preset.patch * draw(st.integers(1, 4)) if isinstance(preset.patch, int) else preset.patch
    values: dict[str, str] = {}
    for option in preset.options:
        match option.values:
            case Choice(words):
                values[option.name] = draw(st.sampled_from(words))
            case Whole(minimum):
                top = patch if option.name == "stride" else 7
                assert isinstance(top, int)
                values[option.name] = str(draw(st.integers(minimum, top)))
            case Fraction():
                values[option.name] = draw(st.sampled_from(["0", "0.10", "1e-5", "0.000001"]))
    chosen = draw(st.lists(st.sampled_from(sorted(values)), unique=True)) if values else []
    chosen = [key for key in chosen if key not in without_sense(name, {key: values[key] for key in chosen}, patch)]
    quote = draw(st.sampled_from(["", '"']))
    options = ",".join(f"{key}={quote}{values[key]}{quote}" for key in chosen)
    return f"{name}{f'/{patch}' if patch else ''}{options and ':'}{options}"


def without_sense(name: str, values: dict[str, str], patch: object) -> set[str]:
    """Options that would not make sense beside the others."""
    dropped = set()
    if values.get("pos_at", "input") not in PLACES_OF_POSITION[values.get("pos", "learned-1d")]:
        dropped.add("pos_at")
    if values.get("pos") == "conditional":
        dropped.add("depth")
    if values.get("tokenizer", "linear") != "linear":
        is_power = isinstance(patch, int) and not patch & (patch - 1) and patch <= 16
        dropped |= {"stride", "padding"} if is_power else {"tokenizer"}
    if "padding" in values and isinstance(patch, int) and int(values["padding"]) >= patch:
        dropped.add("padding")
    return dropped


@given(spec_texts())
def test_canonical_form_is_a_fixed_point(text: str) -> None:
    spec = parse_spec(text)
    assert parse_spec(str(spec)) == spec
    assert str(parse_spec(str(spec))) == str(spec)
    assert hash(parse_spec(str(spec))) == hash(spec)


@given(st.dictionaries(KEYS, st.text(max_size=8), min_size=1, max_size=3))
def test_any_value_survives_quoting(values: dict[str, str]) -> None:
    assert parse_options(format_options(values)) == values


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("vit_pico/8:pos=learned-1d", "vit_pico/8"),
        ("vit_pico/8:stride=8", "vit_pico/8"),
        ("vit_pico/8:stride=4,pos=none", "vit_pico/8:pos=none,stride=4"),
        (' vit_tiny/16: stride = "8" , padding=04 ', "vit_tiny/16:padding=4,stride=8"),
        ("vit_pico/16:padding=0,stride=16", "vit_pico/16"),
        ("r_pico+vit_pico/8:pos=none", "r_pico+vit_pico/8:pos=none"),
        ("bit_resnet_pico", "bit_resnet_pico"),
        ("vit_pico/8:pos=relative,pos_at=every-layer", "vit_pico/8:pos=relative"),
        ("vit_pico/8:pos=conditional,pos_at=after-first-layer", "vit_pico/8:pos=conditional"),
        ("vit_pico/8:pos_at=every-layer,pos=learned-2d", "vit_pico/8:pos=learned-2d,pos_at=every-layer"),
        ("vit_small/16:depth=12,drop_path=0.10,layer_scale=0.00001", "vit_small/16:drop_path=0.1,layer_scale=1e-05"),
        ("vit_pico/8:layer_scale=1e-05", "vit_pico/8:layer_scale=1e-05"),
        ("vit_pico/8:layer_scale=1", "vit_pico/8:layer_scale=1.0"),
        ("vit_pico/8:registers=0,pool=cls,tokenizer=linear", "vit_pico/8"),
        ("cct_7/3x1:pool=seq", "cct_7/3x1"),
        ("cct_14/7x2:pos=none", "cct_14/7x2:pos=none"),
        ("resnet18:stem=imagenet", "resnet18"),
        ("resnet18:stem=cifar", "resnet18:stem=cifar"),
        ("timm:resnet18", "timm:resnet18"),
        ("timm:resnet18:family=cnn,pretrained=false", "timm:resnet18"),
        ("timm:resnet18.a1_in1k:pretrained=true", "timm:resnet18.a1_in1k:pretrained=true"),
        ("torchvision:vit_b_16:weights=a/b.safetensors", "torchvision:vit_b_16:weights=a/b.safetensors"),
        ('timm:resnet18:weights="a,b=c.safetensors"', 'timm:resnet18:weights="a,b=c.safetensors"'),
        ("timm:mixer_s16_224:family=vit", "timm:mixer_s16_224:family=vit"),
    ],
)
def test_canonical_form(text: str, canonical: str) -> None:
    assert str(parse_spec(text)) == canonical


def test_only_values_that_need_quotes_get_them() -> None:
    assert format_options({"b": "a,b=c", "a": "x.pt", "c": ""}) == 'a=x.pt,b="a,b=c",c=""'
    assert parse_options(r'path="C:\\a \"b\".pt"') == {"path": r'C:\a "b".pt'}


@pytest.mark.parametrize("name", known_models())
def test_known_names_are_canonical(name: str) -> None:
    spec = parse_spec(name)
    assert str(spec) == name
    assert spec.family == PRESETS[spec.preset].family


@pytest.mark.parametrize(
    ("name", "image_size", "tokens"),
    [
        ("vit_base/16", 48, 9),
        ("vit_pico/8", 32, 16),
        ("vit_pico/16", 32, 4),
        ("vit_pico/16:stride=8,padding=4", 32, 16),
        ("vit_base/16", 224, 196),
        ("vit_pico/5:padding=4", 32, 64),
        ("r_pico+vit_pico/8", 32, 16),
        ("r_tiny+vit_tiny/4", 32, 64),
        ("bit_resnet_pico", 32, None),
        ("vit_huge/14", 224, 256),
        ("vit_pico/8:tokenizer=conv-stem", 32, 16),
        ("vit_pico/8:tokenizer=shifted", 32, 16),
        ("vit_lite7/2:tokenizer=conv-tokenizer", 32, 256),
        ("r26+vit_small/32", 224, 49),
        ("r50+vit_base/16", 224, 196),
        ("cct_7/3x1", 32, 256),
        ("cct_2/3x2", 32, 64),
        ("cct_14/7x2", 224, 196),
        ("botnet50", 224, None),
        ("coatnet_0", 224, None),
        ("timm:vit_small_patch16_224", 224, None),
    ],
)
def test_token_counts(name: str, image_size: int, tokens: int | None) -> None:
    assert num_tokens(parse_spec(name), image_size) == tokens


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("vit_pica/8", ["unknown model 'vit_pica/8'", "did you mean vit_pico/8?", *known_models()]),
        ("resnet19", ["did you mean resnet18?"]),
        ("cct7/3x1", ["did you mean cct_7/3x1?"]),
        ("vit_smal/16", ["did you mean vit_small/16?", "timm:NAME and torchvision:NAME"]),
        ("convnext_tinny", ["did you mean convnext_tiny?"]),
        ("", ["unknown model ''", *known_models()]),
        ("vit_pico", ["needs a patch size", "vit_pico/8"]),
        ("vit_pico/", ["needs a patch size", "vit_pico/8"]),
        ("vit_pico/0", ["needs a patch size", "vit_pico/8"]),
        ("vit_pico/8x8", ["needs a patch size", "vit_pico/8"]),
        ("bit_resnet_pico/8", ["takes no patch size"]),
        ("bit_resnet_pico:pos=none", ["unknown option 'pos'", "none"]),
        ("vit_pico/8:poss=none", ["unknown option 'poss'", "did you mean pos?", "pool, pos, pos_at, registers"]),
        ("vit_pico/8:pos=rope", ["pos='rope'", "none | learned-1d | learned-2d | sincos-1d | sincos-2d", "rope-2d"]),
        ("vit_pico/8:stride=0", ["stride='0'", "a whole number from 1 to"]),
        ("vit_pico/8:stride=4.5", ["stride='4.5'", "a whole number from 1 to"]),
        ("vit_pico/8:padding=-1", ["padding='-1'", "a whole number from 0 to"]),
        ("vit_pico/8:stride=9", ["stride=9", "never be seen", "1 to 8"]),
        ("vit_pico/8:padding=8", ["padding=8", "padding alone", "0 to 7"]),
        ("vit_pico/8:", ["expected key=value"]),
        ("vit_pico/8:pos", ["expected key=value", "'pos'"]),
        ("vit_pico/8:pos=none,", ["expected key=value"]),
        ("vit_pico/8:pos=a=b", ["expected key=value"]),
        ("vit_pico/8:pos=none,pos=none", ["'pos' is given twice"]),
        ("r_pico+vit_pico/6", ["a patch size that 4 divides"]),
        ("r_pico+vit_pico/8:stride=4", ["unknown option 'stride'", "pos"]),
        ("r26+vit_small/16", ["a feature every 32 pixels", "a patch size that 32 divides"]),
        ("vit_pico/8:drop_path=1", ["drop_path='1'", "a number from 0 to less than 1"]),
        ("vit_pico/8:drop_path=0_1e-1", ["drop_path='0_1e-1'", "a number from 0 to less than 1"]),
        ("vit_pico/8:drop_path=\u0660.\u0661", ["drop_path=", "a number from 0 to less than 1"]),
        ("vit_pico/\u0668", ["needs a patch size", "vit_pico/8"]),
        ("vit_pico/99999999999999999999", ["needs a patch size", "vit_pico/8"]),
        ("vit_pico/8:depth=99999999999999999999", ["a whole number from 1 to 200"]),
        ("timm:resnet18\0", ["at most 5,000 characters, none of which is \\0"]),
        ("vit_pico/8:drop_path=nan", ["drop_path='nan'", "a number from 0 to less than 1"]),
        ("vit_pico/8:layer_scale=-1e-5", ["layer_scale='-1e-5'", "a number from 0 to 1"]),
        ("vit_pico/8:depth=201", ["depth='201'", "a whole number from 1 to 200"]),
        ("vit_pico/32:tokenizer=conv-stem", ["have 4 channels", "8 or more", "at most 16"]),
        ("vit_pico/8:depth=0", ["depth='0'", "a whole number from 1 to"]),
        ("vit_pico/8:pool=mean", ["pool='mean'", "cls | gap | map | seq"]),
        ("vit_pico/8:tokenizer=conv", ["tokenizer='conv'", "linear | conv-stem | conv-tokenizer | shifted"]),
        ("vit_pico/8:tokenizer=shifted,stride=4", ["stride belongs to tokenizer=linear", "every 8 pixels"]),
        ("vit_pico/8:tokenizer=conv-stem,stride=4,padding=1", ["padding and stride belong to tokenizer=linear"]),
        ("vit_pico/12:tokenizer=conv-stem", ["halves the image", "2, 4, 8, 16"]),
        ("vit_pico/1:tokenizer=conv-tokenizer", ["halves the image", "2, 4, 8, 16"]),
        ("vit_pico/5:tokenizer=shifted", ["half a patch", "2, 4, 6"]),
        ("vit_pico/8:pos=none,pos_at=input", ["nothing to place"]),
        ("vit_pico/8:pos_at=after-first-layer", ["only a conditional", "may be input | every-layer | every"]),
        ("vit_pico/8:pos=sincos-2d,pos_at=every-layer", ["computed", "input | every-layer-shared"]),
        ("vit_pico/8:pos=relative,pos_at=input", ["inside attention", "every-layer | every-layer-shared"]),
        ("vit_pico/8:pos=rope-2d,pos_at=input", ["inside attention", "may be every-layer-shared"]),
        ("vit_pico/8:pos=rope-2d,pos_at=every-layer", ["computed", "may be every-layer-shared"]),
        ("vit_pico/8:pos=conditional,depth=1", ["needs a second layer", "pos_at=input"]),
        ("cct_7", ["needs the kernel", "cct_7/3x1", "3, 5, 7 or 9"]),
        ("cct_7/4x1", ["needs the kernel", "cct_7/3x1"]),
        ("cct_7/16", ["needs the kernel", "cct_7/3x1"]),
        ("cct_7/3x1:tokenizer=linear", ["unknown option 'tokenizer'"]),
        ("resnet18/16", ["takes no patch size; write resnet18"]),
        ("resnet18:stem=small", ["stem='small'", "imagenet | cifar"]),
        ("timm:", ["a model's name is missing", "timm:resnet18"]),
        ("timm:resnet18/16", ["takes no patch size; write resnet18"]),
        ("timm:mixer_s16_224", ["the family of timm:mixer_s16_224 is not known", "family= may be vit | cnn | hybrid"]),
        ("timm:resnet18:pretrained=yes", ["pretrained='yes'", "true | false"]),
        ("timm:resnet18:weights=a.npz", ["weights='a.npz'", ".safetensors", "by torch.save"]),
        ("timm:resnet18:pretrained=true,weights=a.safetensors", ["two sources of weights"]),
        ("timm:resnet18:scaling=half", ["scaling= says", "weights=FILE", "leave it out"]),
        ("timm:resnet18:pretrained=true,scaling=imagenet", ["scaling= says", "weights=FILE"]),
        ("timm:resnet18:family=vit", ["family=vit: timm:resnet18 is known as cnn", "leave family out"]),
        ("timm:effcientnet_b0", ["a name that begins with efficientnet?", "family= may be vit | cnn"]),
        ("torchvision:resnt18", ["did you mean a name that begins with resnet?"]),
        ("timm:resnet18:stem=cifar", ["unknown option 'stem'", "family, pretrained, scaling, weights"]),
    ],
)
def test_a_wrong_name_says_what_is_allowed(text: str, words: list[str]) -> None:
    with pytest.raises(SpecError) as error:
        parse_spec(text)
    assert not [word for word in [repr(text), *words] if word not in str(error.value)]


@pytest.mark.parametrize(
    ("name", "image_size", "words"),
    [
        ("vit_pico/5", 32, ["32 pixels", "set padding=4", "30 or 35"]),
        ("vit_pico/8", 33, ["33 pixels", "use images of 32 or 40"]),
        ("vit_pico/16:padding=4,stride=8", 36, ["36 pixels", "set padding=2", "32 or 40"]),
        ("vit_pico/64", 32, ["32 pixels", "set padding=16", "use images of 64"]),
        ("vit_pico/8", 0, ["0 pixels", "use images of 8"]),
        ("r_pico+vit_pico/8", 36, ["36 pixels", "32 or 40"]),
        ("r_pico+vit_pico/8", 4, ["4 pixels", "images of 8 pixels"]),
        ("bit_resnet50", 28, ["at least 32 pixels", "28"]),
        ("resnet18", 16, ["at least 32 pixels", "16"]),
        ("resnet18:stem=cifar", 4, ["at least 8 pixels", "4"]),
        ("vit_pico/8:tokenizer=conv-stem", 36, ["36 pixels", "32 or 40"]),
        ("cct_2/3x2", 30, ["every 4 pixels", "28 or 32"]),
        ("botnet50", 48, ["a feature map every 32 pixels", "32 or 64"]),
        ("botnet50:stem=cifar", 36, ["a feature map every 8 pixels", "32 or 40"]),
        ("coatnet_0:stem=cifar", 24, ["a feature map every 16 pixels", "16 or 32"]),
    ],
)
def test_an_image_that_does_not_fit_says_what_would(name: str, image_size: int, words: list[str]) -> None:
    with pytest.raises(SpecError) as error:
        num_tokens(parse_spec(name), image_size)
    assert not [word for word in [name, *words] if word not in str(error.value)]


def test_the_advised_padding_tiles() -> None:
    assert num_tokens(parse_spec("vit_pico/16:stride=8,padding=2"), 36) == 16


def test_names_import_no_torch() -> None:
    code = "import sys, models.spec.model_spec; models.known_models(); print({'torch', 'timm'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


@pytest.mark.parametrize(
    ("text", "family"),
    [
        ("vit_pico/8:pool=seq", "vit"),
        ("vit_pico/8:tokenizer=shifted", "vit"),
        ("vit_pico/8:pos=conditional", "vit"),
        ("vit_pico/8:tokenizer=conv-stem", "hybrid"),
        ("vit_pico/8:tokenizer=conv-tokenizer", "hybrid"),
        ("cct_7/3x1", "hybrid"),
        ("convnext_tiny", "cnn"),
        ("timm:vit_small_r26_s32_224", "hybrid"),
        ("torchvision:swin_t", "vit"),
        ("timm:mixer_s16_224:family=hybrid", "hybrid"),
    ],
)
def test_the_family_follows_from_the_name(text: str, family: str) -> None:
    assert parse_spec(text).family == family


def test_external_weights_show_in_the_name_and_can_be_left_out() -> None:
    spec = parse_spec("timm:mixer_s16_224:family=hybrid,pretrained=true")
    assert spec.has_external_weights
    assert str(spec.without("pretrained", "weights")) == "timm:mixer_s16_224:family=hybrid"
    assert not spec.without("pretrained").has_external_weights
    assert not parse_spec("vit_pico/8").has_external_weights


def test_an_unknown_attribute_is_named() -> None:
    import models

    with pytest.raises(AttributeError, match="no attribute 'bulid'"):
        models.bulid  # noqa: B018


def test_a_long_name_is_refused_without_repeating_it():
    with pytest.raises(SpecError, match="at most 5,000 characters") as error:
        parse_spec("vit_pico/8:pos=" + "x" * 5000)
    assert len(str(error.value)) < 500


def test_a_tilde_in_the_path_of_weights_is_the_users_folder(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert str(parse_spec("timm:resnet18:weights=~/a.safetensors")) == "timm:resnet18:weights=/home/me/a.safetensors"
