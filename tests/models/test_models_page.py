"""`docs/models.md` names every preset, option and place, and the sizes that it prints are the models'."""

import re
from pathlib import Path

import pytest

import models
from models.counts import count_parameters
from models.spec.options import PLACES_OF_POSITION, STEM, TOKENIZER_OPTIONS, Choice, encoder_options
from models.spec.size_classes import Sized, unmatched

PAGE = (Path(__file__).parents[2] / "docs" / "models.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def rows(title: str) -> list[list[str]]:
    """The cells of all tables of a section."""
    return [line.strip("|").split("|") for line in section(title).splitlines() if line.startswith("|")]


def names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_it_names_every_preset() -> None:
    named = [name for cells in rows("Presets") for name in names(cells[1])]
    assert sorted(named) == sorted(models.known_models())


def test_it_names_every_option_with_its_words() -> None:
    told = {names(cells[0])[0]: names(cells[1]) for cells in rows("Options") if len(cells) == 3 and names(cells[0])}
    options = (*encoder_options(depth=1), *TOKENIZER_OPTIONS, STEM)
    assert told.keys() == {option.name for option in options}
    for option in options:
        if isinstance(option.values, Choice):
            assert told[option.name] == list(option.values.words)


def test_it_names_the_places_of_every_encoding_the_default_first() -> None:
    pairs = [(names(cells[0]), tuple(names(cells[1]))) for cells in rows("Options") if len(cells) == 2]
    told = {encoding[0]: places for encoding, places in pairs if encoding and encoding != ["pos"]}
    assert told == {pos: places for pos, places in PLACES_OF_POSITION.items() if places}


def test_every_vit_has_partners_of_its_size_in_each_family() -> None:
    table = [cells for cells in rows("Size classes") if names(cells[0])]
    assert [names(cells[0])[0] for cells in table] == [name for name in models.known_models() if name[:4] == "vit_"]
    for cells in table:
        is_large = names(cells[0])[0].endswith(("/14", "/16"))
        members = []
        for name, printed in re.findall(r"`([^`]+)`, ([\d.]+) M", " ".join(cells)):
            parameters = count_parameters(name, *((1000, 224) if is_large else (10, 32)))
            assert parameters / 1e6 == pytest.approx(float(printed), abs=0.5 * 10 ** -len(printed.partition(".")[2]))
            members.append(Sized(name, models.parse_spec(name).family, parameters))
        assert {member.family for member in members} == {"vit", "cnn", "hybrid"}
        assert unmatched(members) == []
