"""`--only`: select rows of a plan by a run's key or by `model=…,target=…,seed=…`, with the runs they depend on."""

import re

from bench.data.target import parse_target
from bench.errors import InputError
from bench.plan.expand import Cell, Plan
from models.spec.model_spec import parse_spec

FIELDS = ("model", "target", "seed", "subset", "classes", "corpus", "ablation", "arm", "transfer", "shots", "draw")
_FIELD = re.compile(rf"(?:^|,)({'|'.join(FIELDS)})=")


def select(plan: Plan, text: str) -> Plan:
    """Return the part of a plan that a text selects.

    Raises:
        InputError: the text is neither a key nor a list of known fields, or selects nothing.
    """
    if _FIELD.match(text):
        wanted = _conditions(text)
        cells = [cell for cell in plan.cells if all(wanted[name] in _values(cell, name) for name in wanted)]
        if not cells:
            raise InputError(f"--only {text}: no row of the suite matches; `bench plan` lists the rows")
        return plan.only(cells)
    return _by_key(plan, text)


def _by_key(plan: Plan, text: str) -> Plan:
    if not re.fullmatch("[0-9a-f]{4,16}", text):
        raise InputError(
            f"--only {text}: neither a run's key (at least its first 4 digits) nor conditions; "
            f"allowed fields: {', '.join(f'{name}=…' for name in FIELDS)}"
        )
    run = plan.run(text)
    if run is None:
        raise InputError(f"--only {text}: not the key of one run of the suite; `bench plan --runs` lists them")
    needed = {run.key, run.starts_from}
    cells = tuple(cell for cell in plan.cells if cell.transfer.key == run.key)
    return Plan(tuple(other for other in plan.runs if other.key in needed), cells)


def _conditions(text: str) -> dict[str, str]:
    parts = _FIELD.split(text)[1:]
    wanted = {name: value.strip("\"'") for name, value in zip(parts[::2], parts[1::2], strict=True)}
    if "model" in wanted:
        wanted["model"] = str(parse_spec(wanted["model"]))
    if "target" in wanted:
        wanted["target"] = str(parse_target(wanted["target"]))
    return wanted


def _values(cell: Cell, name: str) -> tuple[str, ...]:
    """Return the values of a cell's field that a condition may name."""
    external = cell.transfer.external
    values = {
        "model": (cell.transfer.model, *([external.model] if external else [])),
        "target": (str(cell.transfer.target),),
        "seed": (str(cell.transfer.seed),),
        "subset": (_subset(cell),),
        "classes": (str(cell.pretrain.subset_classes) if cell.pretrain else "",),
        "corpus": ((cell.pretrain or cell.transfer).pretraining_name,),
        "ablation": (cell.ablation,),
        "arm": (cell.arm,),
        "transfer": (cell.transfer_kind,),
        "shots": (str(cell.shots),),
        "draw": (str(cell.draw),),
    }
    return values[name]


def _subset(cell: Cell) -> str:
    """Return the number of pretraining images: 0 from scratch, `unknown` for external weights."""
    if cell.pretrain is not None:
        return str(cell.pretrain.subset_images)
    return "0" if cell.transfer.external is None else "unknown"
