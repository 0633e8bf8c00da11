"""`bench recommend`: which model to take for a number of labelled images, or why there is no answer. No torch."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from bench.analysis.format import (
    ABSENT,
    byte_size,
    count,
    decimal,
    finite_or_none,
    listed,
    share,
    short_count,
    steady,
    three_digits,
    with_bounds,
)
from bench.analysis.recommend.answer import Answer, JudgedCandidate, JudgedSize, recommend
from bench.analysis.recommend.candidates import LATENCY, MEMORY, PARAMETERS
from bench.analysis.recommend.conclusion import why
from bench.analysis.recommend.messages import message
from bench.analysis.recommend.question import Measured, Question
from bench.analysis.stats.multiple import corrected_level
from bench.cli.grouped_table import grouped_table
from bench.cli.terminal import marked, say
from bench.report.machines import speeds_of_suite
from bench.report.recommender import rungs_of
from bench.store.speed_file import all_machines
from bench.store.store import Store
from bench.tables.build import build_tables


def answer_from(store: Store, results: Path, question: Question) -> Answer:
    """Answer a question from a store and the speed files beside it.

    Raises:
        InputError: the store or a speed file is damaged, or the question is wrong.
    """
    suite, tables = store.suite().model_dump(mode="json"), build_tables(store)
    speeds = speeds_of_suite(suite, tables["cells"], all_machines(results))
    return recommend(question, Measured(store.root.name, tables, rungs_of(suite), speeds))


def show_answer(console: Console, answer: Answer, *, as_json_values: bool) -> None:
    """Print a recommendation or a refusal, and the candidates behind it."""
    if as_json_values:
        say(json.dumps(as_json(answer), indent=1, allow_nan=False))
        return
    for line in _conclusion(answer):
        console.print(line, highlight=False, soft_wrap=True)
    for at_size in answer.at_sizes:
        console.print(marked(_heading(answer, at_size), "bold"), soft_wrap=True)
        console.print(_table(answer, at_size))
        for line in _open_ends(at_size):
            console.print(line, highlight=False, soft_wrap=True)
    for note in answer.notes:
        console.print(note, highlight=False, soft_wrap=True)


def _conclusion(answer: Answer) -> list[str | Text]:
    known = [at_size for at_size in answer.at_sizes if at_size.recommended]
    compared = [answer.compared] if answer.compared else []
    if not answer.refusal:
        found = [marked(answer.recommended, "green", f": {why(answer, at_size)}") for at_size in known]
        return [*found, *compared]
    return [
        marked("no recommendation", "yellow", f": {answer.refusal}"),
        f"what would help: {answer.would_help}",
        *(f"with {at_size.images:,} images, {at_size.recommended}: {why(answer, at_size)}" for at_size in known),
        *compared,
    ]


def _heading(answer: Answer, at_size: JudgedSize) -> str:
    """Return on which target, after which pretraining and on which machine the candidates are compared."""
    parts = (at_size.target, str(answer.scope.pretraining) if answer.scope else "", answer.machine)
    return ", ".join(filter(None, parts))


def _table(answer: Answer, at_size: JudgedSize) -> Any:
    """Return a table of the candidates."""
    machine = answer.machine
    header = ["accuracy, %", "behind the best", "standing", "MACs", "parameters"]
    header += [f"p{answer.question.percentile}, ms", "memory"] if machine else []
    rows = [("", each.candidate.model, _figures(each, with_speed=bool(machine))) for each in at_size.judged]
    return grouped_table("model", header, rows)


def _figures(judged: JudgedCandidate, *, with_speed: bool) -> list[str]:
    candidate, amounts = judged.candidate, judged.candidate.amounts
    accuracy = candidate.accuracy
    behind = ABSENT
    if judged.num_compared:
        behind = with_bounds(_percent(judged.gap.mean), *judged.interval, _percent)
    figures = [
        with_bounds(_percent(accuracy.mean), accuracy.low, accuracy.high, _percent),
        behind,
        judged.standing,
        short_count(candidate.macs),
        count(amounts[PARAMETERS].value),
    ]
    if with_speed:
        memory = amounts[MEMORY].value
        figures += [three_digits(amounts[LATENCY].value), byte_size(memory * 2**20)]
    return figures


def _percent(share_of_1: float) -> str:
    return decimal(100 * share_of_1, 1)


def _open_ends(at_size: JudgedSize) -> list[str]:
    """Return the level of the intervals, and the reasons of what could not be told or does not fit."""
    levels = sorted({each.num_compared for each in at_size.judged if each.num_compared})
    named = listed([share(corrected_level(number)) for number in reversed(levels)])
    lines = [f"{each.candidate.model}: {each.standing}: {each.reason}" for each in at_size.judged if each.reason]
    return [
        *([message("corrected", levels=named)] if levels else []),
        *lines,
    ]


def as_json(answer: Answer) -> dict[str, Any]:
    """Return JSON values; null stands for what is not known, and for an end that is open."""
    question, scope = answer.question, answer.scope
    return {
        "suite": answer.suite,
        "question": {
            "images": question.images,
            "target": question.target,
            "pretraining": question.pretraining or None,
            "transfer": question.transfer,
            "machine": question.machine or None,
            "percentile": question.percentile,
            "limits": dict(question.most),
            "within": question.within,
            "image_size": question.image_size,
            "classes": question.classes,
        },
        "recommended": answer.recommended or None,
        "refusal": answer.refusal or None,
        "would_help": answer.would_help or None,
        "cheapest_by": answer.cost,
        "pretraining": str(scope.pretraining) if scope else None,
        "machine": answer.machine or None,
        "at_sizes": [
            {
                "target": at_size.target,
                "images": at_size.images,
                "recommended": at_size.recommended or None,
                "why": why(answer, at_size) if at_size.recommended else None,
                "candidates": [_candidate_as_json(each) for each in at_size.judged],
            }
            for at_size in answer.at_sizes
        ],
        "compared": answer.compared or None,
        "notes": list(answer.notes),
    }


def _candidate_as_json(judged: JudgedCandidate) -> dict[str, Any]:
    candidate, (low, high) = judged.candidate, judged.interval
    row = candidate.row
    return {
        "model": candidate.model,
        "family": candidate.family,
        "ablation": row.id.ablation,
        "arm": row.id.arm,
        "standing": judged.standing,
        "reason": judged.reason,
        "seeds_needed": judged.seeds,
        "num_seeds": row.num_seeds,
        "accuracy": _numbers(
            {"mean": candidate.accuracy.mean, "low": candidate.accuracy.low, "high": candidate.accuracy.high}
        ),
        "behind_best": _numbers(
            {
                "mean": judged.gap.mean,
                "low": low,
                "high": high,
                "level": corrected_level(judged.num_compared) if judged.num_compared else math.nan,
            }
        ),
        "macs": _numbers({"macs": candidate.macs})["macs"],
        **{name: _numbers(vars(amount)) for name, amount in candidate.amounts.items()},
        "note": candidate.note,
        "keys": [*row.pretrain_keys, *row.transfer_keys],
    }


def _numbers(numbers: Mapping[str, float]) -> dict[str, float | None]:
    """Return JSON numbers without the last bits, in which processors differ."""
    return finite_or_none({name: steady(value) for name, value in numbers.items()})
