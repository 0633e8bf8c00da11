"""Names of models: what they mean, their canonical form, and the message that a wrong one gets."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.grammar import format_options, parse_options
from models.presets import PRESETS
from models.spec import SpecError, known_models, num_tokens, parse_spec

KEYS = st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,8}", fullmatch=True)


@st.composite
def spec_texts(draw: st.DrawFn) -> str:
    """A valid name, with its options in any order, some of them defaults, some in needless quotes."""
    name = draw(st.sampled_from(sorted(PRESETS)))
    preset = PRESETS[name]
    patch = preset.patch and draw(st.integers(1, 4)) * preset.patch
    values: dict[str, str] = {}
    for option in preset.options:
        top = patch if option.name == "stride" else (patch or 1) - 1
        values[option.name] = (
            draw(st.sampled_from(option.choices))
            if option.choices
            else str(draw(st.integers(option.minimum, top or 0)))
        )
    chosen = draw(st.lists(st.sampled_from(sorted(values)), unique=True)) if values else []
    quote = draw(st.sampled_from(["", '"']))
    options = ",".join(f"{key}={quote}{values[key]}{quote}" for key in chosen)
    return f"{name}{f'/{patch}' if patch else ''}{options and ':'}{options}"


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
    ],
)
def test_token_counts(name: str, image_size: int, tokens: int | None) -> None:
    assert num_tokens(parse_spec(name), image_size) == tokens


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("vit_pica/8", ["unknown model 'vit_pica/8'", "did you mean vit_pico/8?", *known_models()]),
        ("timm:resnet18", ["unknown model 'timm:resnet18'", *known_models()]),
        ("", ["unknown model ''", *known_models()]),
        ("vit_pico", ["needs a patch size", "vit_pico/8"]),
        ("vit_pico/", ["needs a patch size", "vit_pico/8"]),
        ("vit_pico/0", ["needs a patch size", "vit_pico/8"]),
        ("vit_pico/8x8", ["needs a patch size", "vit_pico/8"]),
        ("bit_resnet_pico/8", ["takes no patch size"]),
        ("bit_resnet_pico:pos=none", ["unknown option 'pos'", "none"]),
        ("vit_pico/8:poss=none", ["unknown option 'poss'", "did you mean pos?", "padding, pos, stride"]),
        ("vit_pico/8:pos=rope", ["pos='rope'", "none | learned-1d | sincos-2d"]),
        ("vit_pico/8:stride=0", ["stride='0'", "a whole number >= 1"]),
        ("vit_pico/8:stride=4.5", ["stride='4.5'", "a whole number >= 1"]),
        ("vit_pico/8:padding=-1", ["padding='-1'", "a whole number >= 0"]),
        ("vit_pico/8:stride=9", ["stride=9", "never be seen", "1 to 8"]),
        ("vit_pico/8:padding=8", ["padding=8", "padding alone", "0 to 7"]),
        ("vit_pico/8:", ["expected key=value"]),
        ("vit_pico/8:pos", ["expected key=value", "'pos'"]),
        ("vit_pico/8:pos=none,", ["expected key=value"]),
        ("vit_pico/8:pos=a=b", ["expected key=value"]),
        ("vit_pico/8:pos=none,pos=none", ["'pos' is given twice"]),
        ("r_pico+vit_pico/6", ["a patch size that 4 divides"]),
        ("r_pico+vit_pico/8:stride=4", ["unknown option 'stride'", "pos"]),
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
    ],
)
def test_an_image_that_does_not_fit_says_what_would(name: str, image_size: int, words: list[str]) -> None:
    with pytest.raises(SpecError) as error:
        num_tokens(parse_spec(name), image_size)
    assert not [word for word in [name, *words] if word not in str(error.value)]


def test_the_advised_padding_tiles() -> None:
    assert num_tokens(parse_spec("vit_pico/16:stride=8,padding=2"), 36) == 16


def test_names_import_no_torch() -> None:
    code = "import sys, models.spec; models.known_models(); print({'torch', 'timm'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_an_unknown_attribute_is_named() -> None:
    import models

    with pytest.raises(AttributeError, match="no attribute 'bulid'"):
        models.bulid  # noqa: B018
