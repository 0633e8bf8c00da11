"""Speed files: no measurement is lost, whatever happens to the file or to other processes."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.analysis.speed_columns import SCHEMA
from bench.errors import InputError
from bench.store.speed_file import all_machines, append, latest, machine_name, read
from tests.speed_rows import FAILED, measured, reference, speeds

LATER = {"measurement": "m2", "measured_at": "2026-01-02T00:00:00Z"}


def test_measurements_are_read_back_unrounded(tmp_path: Path) -> None:
    """Every column with its type, lists included, also where a row did not run."""
    frame = speeds(reference(1000.0), measured(1500.0), measured(1.0, model="vit_tiny/8", **FAILED))
    path = append(tmp_path, frame)
    assert path == tmp_path / "throughput" / "cpu-amd-epyc-9b45.parquet"
    found = read(path)
    assert list(found.columns) == list(SCHEMA)
    for name, kind in SCHEMA.items():
        if kind == "list":
            assert all(np.array_equal(one, other) for one, other in zip(found[name], frame[name], strict=True))
            assert {values.dtype for values in found[name]} == {np.dtype("float64")}
        else:
            assert str(found[name].dtype) == kind
            pd.testing.assert_series_equal(found[name], frame[name].astype(kind), check_exact=True)


def test_a_file_of_before_restarts_is_of_one_process(tmp_path: Path) -> None:
    path = append(tmp_path, speeds(reference(1000.0, restarts=2), measured(1.0, **FAILED)))
    pd.read_parquet(path).drop(columns="round_restarts").to_parquet(path)
    assert [list(restarts) for restarts in read(path)["round_restarts"]] == [[0.0] * 24, []]


def test_a_file_only_grows(tmp_path: Path) -> None:
    """A later measurement stands behind the earlier; of each group the latest is taken, and nothing else is there."""
    first = [reference(1000.0), measured(1500.0)]
    training = [row | {"task": "training"} for row in first]
    append(tmp_path, speeds(*first, *training))
    path = append(tmp_path, speeds(*(row | LATER for row in (reference(2000.0), measured(1400.0)))))
    found = read(path)
    assert found["measurement"].tolist() == ["m1"] * 4 + ["m2"] * 2
    last = latest(pd.concat([found.iloc[2:], found.iloc[:2]]))
    assert (
        list(zip(last["task"], last["measurement"], strict=True))
        == [("training", "m1")] * 2 + [("inference", "m2")] * 2
    )
    assert [path.name for path in path.parent.iterdir()] == [path.name]


def test_the_latest_of_each_suite_stays(tmp_path: Path) -> None:
    """Another suite's group on the same machine replaces none."""
    frame = speeds(reference(1000.0), reference(1000.0, suite="other", **LATER))
    assert sorted(latest(frame)["suite"]) == ["hand-made", "other"]
    assert latest(frame.iloc[:0]).empty


def test_rows_of_a_measurement_stay_together(tmp_path: Path) -> None:
    """Whatever the moment that each row was written at."""
    moments = ("2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z")
    rows = [reference(1000.0, measured_at=moments[1]), measured(900.0, measured_at=moments[0])]
    assert len(latest(speeds(*rows))) == 2


@pytest.mark.parametrize("damage", [b"", b"PAR1", b"no parquet"])
def test_a_damaged_file_is_refused_and_left_as_it_is(tmp_path: Path, damage: bytes) -> None:
    """Adding to it would lose what can still be saved."""
    frame = speeds(reference(1000.0))
    path = append(tmp_path, frame)
    whole = path.read_bytes()
    for content in (damage, whole[: len(whole) // 2], whole[:-3] + b"abc"):
        path.write_bytes(content)
        refused = pytest.raises(InputError, match=r"cpu-amd-epyc-9b45\.parquet: damaged")
        with refused:
            append(tmp_path, frame)
        with refused:
            read(path)
        with refused:
            all_machines(tmp_path)
        assert path.read_bytes() == content
        assert [path.name for path in path.parent.iterdir()] == [path.name]


def test_another_table_is_refused(tmp_path: Path) -> None:
    """By the columns that it lacks."""
    path = tmp_path / "throughput" / "cpu-amd-epyc-9b45.parquet"
    path.parent.mkdir()
    pd.DataFrame({"model": ["vit_pico/8"]}).to_parquet(path)
    with pytest.raises(InputError, match="lacks columns: measurement"):
        append(tmp_path, speeds(reference(1000.0)))
    with pytest.raises(InputError, match="no such file"):
        read(tmp_path / "nowhere.parquet")


def test_records_of_two_machines_are_two_files(tmp_path: Path) -> None:
    """Never mixed in one."""
    here, there = speeds(reference(1000.0)), speeds(reference(500.0, machine="cuda-nvidia-h100"))
    with pytest.raises(ValueError, match="one machine"):
        append(tmp_path, pd.concat([here, there]))
    for frame in (there, here):
        append(tmp_path, frame)
    (tmp_path / "throughput" / "20260101-000000.json").write_text("{}")
    assert list(all_machines(tmp_path)) == ["cpu-amd-epyc-9b45", "cuda-nvidia-h100"]
    assert all_machines(tmp_path / "nowhere") == {}


def test_processes_that_add_at_once_lose_nothing(tmp_path: Path) -> None:
    """They take turns."""
    code = (
        "import sys; from pathlib import Path; from bench.store.speed_file import append\n"
        "from tests.speed_rows import *\n"
        "for turn in range(5):\n"
        "    append(Path(sys.argv[1]), speeds(reference(1000.0, measurement=f'{sys.argv[2]}-{turn}')))"
    )
    calls = [[sys.executable, "-c", code, str(tmp_path), name] for name in ("a", "b")]
    for process in [subprocess.Popen(call) for call in calls]:
        assert process.wait(60) == 0
    (frame,) = all_machines(tmp_path).values()
    assert sorted(frame["measurement"]) == sorted(f"{name}-{turn}" for name in "ab" for turn in range(5))


@pytest.mark.parametrize(
    ("device", "device_name", "processor", "name"),
    [
        ("cpu", "cpu", "AMD EPYC 9B45 96-Core Processor", "cpu-amd-epyc-9b45"),
        ("cpu", "cpu", "Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz", "cpu-intel-xeon-platinum-8481c"),
        ("cpu", "cpu", "AMD EPYC", "cpu-amd-epyc"),
        ("cpu", "cpu", "../../étc", "cpu-tc"),
        (
            "cuda",
            "NVIDIA H100 80GB HBM3",
            "AMD EPYC 7763 64-Core Processor",
            "cuda-nvidia-h100-80gb-hbm3-amd-epyc-7763",
        ),
    ],
)
def test_machine_names_are_valid_file_names(device: str, device_name: str, processor: str, name: str) -> None:
    """Short, and whatever the system says."""
    assert machine_name(device, device_name, processor) == name


def test_no_torch() -> None:
    code = "import sys, bench.store.speed_file, bench.analysis.speed; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"
