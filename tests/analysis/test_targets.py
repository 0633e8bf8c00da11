"""Which targets are real, whatever number of images they train on."""

import pytest

from bench.analysis.targets import base, is_in_domain, is_real


@pytest.mark.parametrize(
    ("target", "is_its_own", "real"),
    [
        ("digits", False, True),
        ("digits@100", False, True),
        ("fractals-heldout", True, False),
        ("fractals-heldout@500", True, False),
        ("arrangement", False, False),
        ("arrangement@500", False, False),
        ("folder:a@b/fractals-heldout", False, True),
    ],
)
def test_synthetic_targets_are_not_real(target: str, is_its_own: bool, real: bool) -> None:
    assert (is_in_domain(target), is_real(target)) == (is_its_own, real)


def test_a_path_keeps_its_at() -> None:
    assert base("folder:a@b/c@50") == "folder:a@b/c"
