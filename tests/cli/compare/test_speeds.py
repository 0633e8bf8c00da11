"""Two files of speeds compared, of hand-made rows."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from bench.cli.app import app
from bench.errors import InputError
from bench.store.speed_file import append
from tests import in_process
from tests.speed_rows import FAILED, Row, measured, reference, speeds

MODELS = {"vit_pico/8": 1000.0, "bit_resnet_pico": 700.0}


def group(rates: dict[str, float], **common: Any) -> list[Row]:
    """The rows of a group, of six processes unless the test says otherwise."""
    common = {"restarts": 6, "spread": 0.003} | common
    return [reference(1000, **common), *(measured(rate, model=model, **common) for model, rate in rates.items())]


def keep(folder: Path, *rows: Row) -> str:
    return str(append(folder, speeds(*rows)))


@pytest.fixture
def old(tmp_path: Path) -> str:
    return keep(tmp_path / "old", *group(MODELS), *group(MODELS, kind="latency", batch_size=1))


def compare(*words: str) -> Result:
    result = CliRunner().invoke(app, ["compare", *words], env={"COLUMNS": "200"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def as_json(*words: str) -> dict[str, Any]:
    return json.loads(compare(*words, "--json").stdout, parse_constant=lambda name: pytest.fail(name))


def test_a_file_beside_itself_has_not_changed(old):
    result = compare(old, old, "--fail-over", "5%")
    assert result.exit_code == 0
    assert "no row is worse by more than 5 %" in result.stdout
    found = as_json(old, old)
    assert [row["time"] for row in found["rows"]] == [1.0] * 4
    assert [found[name] for name in ("forced", "warnings", "failed", "only_old", "only_new")] == [[]] * 5


def test_a_slow_down_trips_and_names_its_row(old, tmp_path):
    slower = MODELS | {"bit_resnet_pico": 700 / 1.1}
    new = keep(tmp_path / "new", *group(slower, measurement="m2"), *group(MODELS, kind="latency", batch_size=1))
    result = compare(old, new, "--fail-over", "5%")
    assert result.exit_code == 1
    worse = [line for line in result.stdout.splitlines() if line.startswith("worse")]
    setting = "inference, equal, fp32, 32 px, batch 32, contiguous, eager"
    assert worse == [f"worse by more than 5 %: bit_resnet_pico, {setting}"]
    (row,) = [row for row in as_json(old, new)["rows"] if row["high"] > 1.05]
    assert row["low"] < 1.1 < row["high"]
    assert compare(old, new, "--fail-over", "15%").exit_code == 0
    assert compare(old, new).exit_code == 0


def test_the_intervals_hold_for_all_rows_together(old):
    assert "intervals over restarts of the process; 95 % for all 4 rows together" in compare(old, old).stdout


def test_one_process_each_is_a_change_without_a_verdict(tmp_path):
    old = keep(tmp_path / "old", *group(MODELS, restarts=1))
    new = keep(tmp_path / "new", *group({model: rate / 2 for model, rate in MODELS.items()}, restarts=1))
    result = compare(old, new, "--fail-over", "5%")
    assert result.exit_code == 0
    assert result.stdout.count("undecided, without an interval") == 2
    assert result.stdout.count("(of one process each)") == 2
    assert "processes of the same code differ by some percent; an interval needs 6 on each side" in result.stdout
    assert "intervals over" not in result.stdout
    rows = as_json(old, new)["rows"]
    assert {(row["low"], row["old_restarts"], row["new_restarts"]) for row in rows} == {(None, 1, 1)}


@pytest.mark.parametrize(
    ("name", "value"), [("machine", "cpu-another"), ("threads", 2), ("protocol", 1)], ids=lambda value: str(value)
)
def test_another_machine_or_protocol_is_refused_unless_forced(old, tmp_path, name, value):
    new = keep(tmp_path / "new", *group(MODELS, **{name: value}))
    with pytest.raises(InputError, match=f"{name}: OLD .*, NEW {value}"):
        compare(old, new)
    (forced,) = as_json(old, new, "--force")["forced"]
    assert f"not comparable, forced: {forced}" in compare(old, new, "--force").stdout


def test_another_version_of_the_reference_is_said(old, tmp_path):
    new = keep(tmp_path / "new", *group(MODELS, timm="9.9.9", torch="2.16.0", torchvision="0.31.0"))
    warnings = as_json(old, new)["warnings"]
    assert [warning.split(":")[0] for warning in warnings] == ["torch", "timm"]
    assert f"different {warnings[0]}" in compare(old, new).stdout
    assert "the reference itself may be faster or slower" in warnings[1]


def test_rows_of_one_side_and_failed_ones_are_listed(old, tmp_path):
    rows = [reference(1000), measured(1000, model="vit_pico/8", **FAILED), measured(10, model="vit_nano/8")]
    new = keep(tmp_path / "new", *rows)
    found = as_json(old, new)
    assert [(row["model"], row["side"], row["reason"]) for row in found["failed"]] == [
        ("vit_pico/8", "NEW", "out_of_memory: batch 512 does not fit")
    ]
    assert [row["model"] for row in found["only_new"]] == ["vit_nano/8"]
    assert len(found["only_old"]) == 3
    said = compare(old, new).stdout
    assert "not run in NEW: vit_pico/8, inference, equal" in said
    assert "only in NEW: 1 (vit_nano/8" in said


def test_a_reference_that_failed_is_said(old, tmp_path):
    rows = [reference(1000, **FAILED), *(measured(rate, model=model) for model, rate in MODELS.items())]
    new = keep(tmp_path / "new", *rows)
    said = in_process.bench("compare", old, new, folder=tmp_path).said
    assert said.count("reference failed ") == 2 * 2
    assert said.count("the reference failed in NEW: batch 512 does not fit") == 2
    assert "nan" not in said
    assert {row["new_reference_ratio"] for row in as_json(old, new)["rows"]} == {None}


def test_a_measurement_of_a_file_is_picked_by_its_name_or_its_commit(tmp_path):
    first = {"measurement": "aaa", "commit": "1234567", "measured_at": "2026-01-01T00:00:00Z"}
    second = {"measurement": "bbb", "commit": "89abcde+", "measured_at": "2026-02-01T00:00:00Z"}
    folder = tmp_path / "one@place"
    path = keep(folder, *group({"vit_pico/8": 1000}, **first))
    assert keep(folder, *group({"vit_pico/8": 500}, **second)) == path
    for old, new, expected in [
        (f"{path}@aaa", path, 2.0),
        (f"{path}@1234567", f"{path}@89ab", 2.0),
        (f"{path}@1234567890abcdef", f"{path}@89abcde+", 2.0),
        (f"{path}@bbb", f"{path}@aaa", 0.5),
        (path, path, 1.0),
    ]:
        assert as_json(old, new)["rows"][0]["time"] == pytest.approx(expected, rel=0.02)
    with pytest.raises(
        InputError, match=r"@ccc: no such measurement .* aaa \(commit 1234567\); bbb \(commit 89abcde\+\)"
    ):
        compare(f"{path}@ccc", path)


def test_a_file_that_is_missing_or_damaged_is_refused(old, tmp_path):
    (tmp_path / "damaged.parquet").write_bytes(b"no parquet")
    with pytest.raises(InputError, match="damaged"):
        compare(old, str(tmp_path / "damaged.parquet"))
    with pytest.raises(InputError, match="no such file"):
        compare(old, str(tmp_path / "missing.parquet"))


def test_without_a_row_in_common_there_is_nothing_to_compare(old, tmp_path):
    new = keep(tmp_path / "new", *group({"vit_nano/8": 500}))
    with pytest.raises(InputError, match="no row in common"):
        compare(old, new, "--fail-over", "5%")
