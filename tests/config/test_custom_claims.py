"""A suite's custom claims: each way to get one wrong has its message, and none changes a run."""

import re
from pathlib import Path

import pytest

from bench.config.suite import load_suite
from bench.errors import InputError
from bench.plan.expand import expand
from bench.store.store import open_store

CLAIM = {
    "id": "mine",
    "sentence": "ViT gains more than two points by pretraining.",
    "first": {"model": "vit_pico/8"},
    "second": {"model": "vit_pico/8", "corpus": "none"},
    "target": "digits@20",
    "difference": "above",
    "margin": 2,
}
ARMS = {"name": "position", "reference": "with", "arms": {"with": "vit_pico/8", "none": "vit_pico/8:pos=none"}}
PROBES = {"transfers": ["fine-tune", "k-shot"], "shots": [1, 5]}


def test_a_claim_becomes_canonical_and_keeps_its_defaults_open(write_suite):
    row = {"model": "vit_pico/8:pos=learned-1d", "subset": 16}
    _, suite = load_suite(str(write_suite(claims=[CLAIM | {"first": row}])))
    (claim,) = suite.claims
    assert (claim.first.model, claim.first.corpus, claim.first.subset) == ("vit_pico/8", None, 16)
    assert (claim.transfer, claim.shots, claim.published) == (None, None, "")


def test_claims_may_be_about_arms_and_probes(write_suite):
    first, second = ({"model": spec} for spec in ARMS["arms"].values())
    claim = CLAIM | {"first": first, "second": second, "transfer": "k-shot", "shots": 5}
    (loaded,) = load_suite(str(write_suite(claims=[claim], ablations=[ARMS], **PROBES)))[1].claims
    assert (loaded.first.model, loaded.second.model) == tuple(ARMS["arms"].values())
    assert (loaded.transfer, loaded.shots) == ("k-shot", 5)


def test_the_documented_claim_is_valid(tmp_path):
    """As `docs/claims.md` shows it, in the suite that it is about."""
    root = Path(__file__).parents[2]
    (example,) = re.findall(r"```yaml\n(claims:.*?)```", (root / "docs" / "claims.md").read_text(), re.DOTALL)
    path = tmp_path / "mine.yaml"
    path.write_text((root / "bench" / "config" / "suites" / "cpu.yaml").read_text() + example)
    (claim,) = load_suite(str(path))[1].claims
    assert (claim.id, claim.first.subset, claim.second.corpus, claim.margin) == ("pays-off", 3456, "none", 2)


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({}, ["second.corpus on digits@20: none is not in this suite; allowed: fractals"]),
        ({"second": {"model": "vit_pico/8:pos=none"}}, ["second.model on digits@20: vit_pico/8:pos=none is not in"]),
        ({"second": {"model": "bit_resnet_pico"}, "transfer": "linear"}, ["transfer on digits@20: linear", "k-shot"]),
    ],
)
def test_a_claim_is_about_rows_that_its_target_has(write_suite, changes, parts):
    targets = [
        {"target": "digits@20", "rows": ["ladder"], "transfers": ["k-shot"]},
        {"target": "digits@40", "rows": ["scratch", "position"]},
    ]
    path = write_suite(claims=[CLAIM | changes], ablations=[ARMS], targets=targets, transfers=["linear"])
    with pytest.raises(InputError) as caught:
        load_suite(str(path))
    for part in parts:
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        (
            {"first": {"model": "bit_resnet_nano"}},
            ["claim mine: first.model: bit_resnet_nano", "vit_pico/8, bit_resnet_p"],
        ),
        ({"first": {"model": "vit_pica/8"}}, ["claims.0.first.model: given 'vit_pica/8'", "did you mean vit_pico/8"]),
        ({"first": {"model": "vit_pico/8", "corpus": "digits"}}, ["first.corpus: digits", "allowed: fractals, none"]),
        ({"first": {"model": "vit_pico/8", "subset": 17}}, ["first.subset: 17", "allowed: 16, 32"]),
        ({"second": {"model": "vit_pico/8", "corpus": "none", "subset": 16}}, ["second", "from scratch", "no subset"]),
        ({"second": {"model": "vit_pico/8"}}, ["first and second are the same row"]),
        ({"target": "digits"}, ["claim mine: target: digits is not in this suite; allowed: digits@20"]),
        ({"target": "digit"}, ["claims.0.target", "digit", "digits"]),
        ({"transfer": "linear"}, ["transfer: linear is not in this suite; allowed: fine-tune"]),
        ({"transfer": "probe"}, ["claims.0.transfer", "'probe'", "'fine-tune', 'linear', 'k-shot' or 'none'"]),
        ({"shots": 5}, ["shots of fine-tune: 5", "allowed: none"]),
        ({"difference": "more"}, ["claims.0.difference", "'above', 'below' or 'within'"]),
        ({"difference": "within", "margin": 0}, ["no difference is within a margin of 0 points"]),
        ({"margin": -1}, ["claims.0.margin", "greater than or equal to 0"]),
        ({"margin": 101}, ["claims.0.margin", "less than or equal to 100"]),
        ({"id": "C5"}, ["id C5", "claims of the literature"]),
        ({"id": "my claim"}, ["claims.0.id", "my claim"]),
        ({"sentence": ""}, ["claims.0.sentence", "at least 10"]),
        ({"margins": 1}, ["claims.0.margins: unknown field", "did you mean margin"]),
    ],
)
def test_a_wrong_claim_is_refused(write_suite, changes, parts):
    path = write_suite(claims=[CLAIM | changes])
    with pytest.raises(InputError) as caught:
        load_suite(str(path))
    assert str(caught.value).startswith(f"suite {path}: ")
    for part in parts:
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"claims": [CLAIM, CLAIM]}, ["claims", "mine is listed twice"]),
        ({"claims": [CLAIM], "from_scratch": False}, ["second.corpus: none", "allowed: fractals"]),
        ({"claims": [CLAIM | {"transfer": "k-shot"}], **PROBES}, ["k-shot probes train no network", "corpus: none"]),
    ],
)
def test_a_claim_about_missing_rows_is_refused(write_suite, changes, parts):
    with pytest.raises(InputError) as caught:
        load_suite(str(write_suite(**changes)))
    for part in parts:
        assert part in str(caught.value)


def test_claims_change_no_run_and_no_store(resolve_suite, tmp_path):
    without, claimed = resolve_suite(), resolve_suite(claims=[CLAIM])
    assert [run.key for run in expand(without).runs] == [run.key for run in expand(claimed).runs]
    store = open_store(tmp_path / "results", without)
    open_store(tmp_path / "results", claimed)
    assert [claim.id for claim in store.suite().claims] == ["mine"]
    open_store(tmp_path / "results", without)
    assert store.suite().claims == ()
