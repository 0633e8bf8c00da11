"""The shape of a record: the type of each field that some command reads, checked once, when the record is read.

A record may be damaged, or somebody else's. Fields that no command reads may hold anything. Imports no torch.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

LARGEST = 2**63 - 1
"""The largest integer that a table holds."""

Count = Annotated[int, Field(ge=0, le=LARGEST)] | None
Number = float | None
Share = Annotated[float, Field(ge=0, le=1)] | None
Text = str | None


class _Fields(BaseModel):
    """Fields with their types; a number is finite, and no type is converted to another one."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)


class _PassedOver(_Fields):
    reason: str
    num: Annotated[int, Field(ge=0, le=LARGEST)]
    names: list[str]


class _Data(_Fields):
    subset_hash: Text = None
    num_images: Count = None
    num_classes: Count = None
    class_names: list[str] | None = None
    num_contaminated: Count = None
    num_single_colour: dict[str, Count] = {}
    num_shared_between_splits: dict[str, Count] | None = None
    num_under_several_classes: Count = None
    constant_answer: Share = None
    constant_validation_answer: Share = None
    num_validation_images: Count = None
    num_test_images: Count = None
    smallest_test_class_images: Count = None
    largest_test_class_images: Count = None
    passed_over: list[_PassedOver] = []


class _Metrics(_Fields):
    train_loss: Number = None
    validation_loss: Number = None
    validation_accuracy: Share = None
    test_loss: Number = None
    test_accuracy: Share = None
    test_balanced_accuracy: Share = None
    num_answers: Count = None
    validation_label_rank: Number = None
    validation_confidence: Number = None
    validation_brier: Number = None
    validation_scaled_confidence: Number = None
    validation_scaled_loss: Number = None
    temperature: Number = None


class _Model(_Fields):
    parameters: Count = None
    macs: Count = None
    tokens: Count = None


class _Cost(_Fields):
    images_seen: Count = None
    training_flops: Number = None
    """A number, since a ViT-B's on ImageNet exceed the largest integer of a table."""
    train_seconds: Number = None
    total_seconds: Number = None
    images_per_second: Number = None
    peak_memory_bytes: Count = None
    micro_batch: Count = None


class _Probe(_Fields):
    strength: Number = None
    notes: list[str] = []


class _Environment(_Fields):
    python: str = ""
    torch: str = ""
    torchvision: str = ""
    timm: str = ""
    numpy: str = ""
    pandas: str = ""
    platform: str = ""
    processor: str = ""
    git_commit: str = ""
    device: str = ""


class _Record(_Fields):
    schema_version: int
    key: str
    status: Literal["ok", "diverged", "out_of_memory", "failed", "not_run"]
    reason: str
    run: dict[str, Any]
    data: _Data
    metrics: _Metrics = _Metrics()
    model: _Model = _Model()
    cost: _Cost = _Cost()
    probe: _Probe = _Probe()
    environment: _Environment = _Environment()
    files: dict[str, str] = {}
    notes: list[str] = []
    num_resumes: Count = 0
    resumed_at_step: list[Annotated[int, Field(ge=0, le=LARGEST)]] = []
    repeats: str = ""
    sources_hash: str = ""
    started_at: str = ""


def wrong_field(record: dict[str, Any]) -> str:
    """Return what is wrong with the first field that has not its type, or an empty text."""
    try:
        _Record.model_validate(record)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = ".".join(str(part)[:80] for part in first["loc"])
        return f"field {name} is {'missing' if first['type'] == 'missing' else 'wrong'}: {first['msg']}"
    return _missing_result(record)


def _missing_result(record: dict[str, Any]) -> str:
    """Return which result is missing in the record of a run that ended ok and was tested, or an empty text."""
    run, metrics = record["run"], record.get("metrics", {})
    data = run.get("data")
    is_tested = (
        run.get("stage") in ("transfer", "scratch", "probe") and isinstance(data, dict) and data.get("tests", True)
    )
    if record["status"] == "ok" and is_tested and metrics.get("test_accuracy") is None:
        return "field metrics.test_accuracy is missing"
    return ""
