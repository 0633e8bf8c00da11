"""What the page's recommender is given; `tests/report/browser/test_recommender.py` asks it questions."""

import json
import math
from typing import Any

import pytest

from bench.analysis.recommend.answer import recommend
from bench.analysis.recommend.question import Question
from bench.report.recommender import Values, recommender, rungs_of
from tests.analysis.recommend.conftest import planted
from tests.analysis.recommend.test_answer import ALL, BEST, EQUAL, HELDOUT, WORSE, latencies


def given(*rows: dict[str, Any], **other: Any) -> Values:
    """As the page's JSON has it, in which nothing is infinite or NaN."""
    values: Values = json.loads(json.dumps(recommender(planted(*rows, **other)), allow_nan=False))
    return values


def test_the_first_of_two_is_never_the_less_accurate_one() -> None:
    """A pair has the numbers of the verdict's interval, from the first one's side."""
    (size,) = given(WORSE, BEST)["scopes"]["digits"][-1]["sizes"]
    assert [each["mean"] for each in size["candidates"]] == pytest.approx([0.90, 0.85], abs=0.01)
    (((mean, num_seeds, *variances),),) = size["pairs"]
    assert mean == pytest.approx(0.05, abs=0.01)
    assert num_seeds == 6
    assert all(math.isfinite(variance) for variance in variances)


def test_what_no_question_can_change_is_a_text() -> None:
    """The refusals of a target, of a pretraining, and of a row that is not complete are the command's."""
    rows = [BEST, EQUAL | {"status": "not_run", "reason": "not run yet"}, BEST | HELDOUT]
    values = given(*rows)
    names = [name for name, _ in values["pretrainings"]]
    assert (names, values["default"], values["like"]) == (["scratch", "256", "1024"], 2, "digits")
    for target, pretraining in (("digits", "256"), ("strokes-heldout", "1024"), ("digits", "1024")):
        answer = recommend(Question(100, target, pretraining), planted(*rows))
        scope = values["scopes"][target][names.index(pretraining)]
        refused = scope if "refusal" in scope else scope["sizes"][0]
        assert (refused["refusal"], refused["would_help"]) == (answer.refusal, answer.would_help)


def test_costs_are_shared_by_all_targets() -> None:
    """Each model's latency and memory by machine and percentile; nothing of a model without a measurement."""
    some = latencies(100.0, 250.0, 1000.0)
    values = given(*ALL, speeds={"cpu-a": some[some["model"] != WORSE["model"]]})
    ((_, at_95, _),) = values["costs"]["32"]
    place = values["models"].index(BEST["model"])
    value, low, high = at_95[place]["latency"]
    assert low < value < high
    assert value == pytest.approx(10.8, abs=0.1)
    assert at_95[values["models"].index(WORSE["model"])] is None


def test_rungs_by_number_and_by_name() -> None:
    named = {"small": {"images": 1000, "classes": 10}, "big": {"images": 50_000, "classes": 100}}
    corpora = [
        {"corpus": {"name": "fractals"}, "subsets": [4096, 256]},
        {"corpus": {"name": "imagenet"}, "subsets": ["big", "small"], "named": named},
    ]
    found = rungs_of({"corpora": corpora})
    assert [list(rungs.items()) for rungs in found.values()] == [
        [("256", 256), ("4096", 4096)],
        [("small", 1000), ("big", 50_000)],
    ]
