"""The shape bias of networks whose rule is known: they see the outline, the texture, or toss a coin between both."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from bench.analysis.stats.share_ratios import share_estimate
from bench.analysis.traits.packed_hits import by_measure, pack_hits, unpack_hits
from bench.data.loading.batches import scaled
from bench.data.shapes.cues import cues_of_test
from bench.data.target import parse_target
from bench.training.compute import compute_on
from bench.traits.cue_conflict import CueConflict
from bench.traits.subject import Subject

NUM_IMAGES, NUM_CLASSES = 2000, 16


class Rule(nn.Module):
    """Knows each test image, and answers with the class of one of its cues."""

    def __init__(self, subject: Subject, answers: np.ndarray) -> None:
        super().__init__()
        images = scaled(torch.from_numpy(subject.test_images(parse_target("shapes-conflict")).images))
        self.answers = torch.from_numpy(answers)
        self.known = {one.numpy().tobytes(): number for number, one in enumerate(images)}
        assert len(self.known) == NUM_IMAGES

    def forward(self, images: Tensor) -> Tensor:
        numbers = [self.known[image.numpy().tobytes()] for image in images]
        return nn.functional.one_hot(self.answers[numbers], NUM_CLASSES).float()


@pytest.fixture
def answer(runs, tmp_path):
    """The trait's answers of a network that gives each image a class."""
    (run, *_) = (run for run in runs if run.target is not None and run.target.name == "shapes-heldout")

    def answered(classes: np.ndarray) -> pd.DataFrame:
        subject = Subject(run, nn.Identity(), compute_on("cpu", "fp32"), tmp_path)
        rule = Subject(run, Rule(subject, classes), subject.compute, tmp_path)
        return CueConflict().answers(rule)

    return answered


def values(answers: pd.DataFrame) -> dict[str, float | None]:
    return {one.name: one.value for one in CueConflict().measures(answers)}


def test_a_rule_of_outlines_scores_1_and_one_of_textures_0(answer):
    outlines, textures = cues_of_test("shapes-conflict")
    shares = {"outline_share": 1, "texture_share": 0, "neither_share": 0}
    assert values(answer(outlines)) == {"shape_bias": 1, **shares}
    assert values(answer(textures)) == {"shape_bias": 0, **shares, "outline_share": 0, "texture_share": 1}


def test_answers_say_which_classes_an_image_shows(answer):
    found = answer(np.arange(NUM_IMAGES) % NUM_CLASSES)
    assert list(found) == ["id", "outline", "texture", "answer"]
    assert (found["answer"] == found["outline"]).all()
    assert (found["texture"] != found["outline"]).all()
    assert found["id"].is_monotonic_increasing


def test_a_coin_scores_a_half_within_its_interval(answer):
    """A third of the answers names neither cue, which does not change the shape bias."""
    outlines, textures = cues_of_test("shapes-conflict")
    generator, rows = np.random.default_rng(0), {}
    for seed in range(3):
        coin = np.where(generator.random(NUM_IMAGES) < 0.5, outlines, textures)
        others = (outlines + 1 + (textures == (outlines + 1) % NUM_CLASSES)) % NUM_CLASSES
        measures = CueConflict().measures(answer(np.where(generator.random(NUM_IMAGES) < 1 / 3, others, coin)))
        bias = measures[0].hits
        assert measures[3].value == pytest.approx(1 / 3, abs=0.05)
        rows[seed] = pack_hits(f"{seed}", "", "shape_bias", bias.ids, bias.hit, bias.counted)
    found = share_estimate(unpack_hits(rows)).interval()
    assert found.low < 0.5 < found.high
    assert 0.02 < found.high - found.low < 0.1


def test_a_network_that_names_no_cue_has_no_shape_bias():
    answers = pd.DataFrame({"id": [0, 1], "outline": [0, 1], "texture": [1, 2], "answer": [5, 5]})
    assert values(answers) == {"shape_bias": None, "outline_share": 0, "texture_share": 0, "neither_share": 1}


def test_only_runs_that_learned_both_cues_are_asked(runs):
    reasons = {str(run.target): CueConflict().why_not(run) for run in runs if run.target is not None}
    assert reasons == {
        "shapes-heldout@32": "",
        "digits@20": "trained on digits@20, and only the target shapes-heldout teaches both cues",
    }


def test_bits_come_back():
    ids, hit, counted = np.arange(3, 13), np.arange(10) % 3 == 0, np.arange(10) % 2 == 0
    row = pack_hits("key", "2", "m", ids, hit, counted, np.array([7, 7, 9, 9, 9, 1, 1, 1, 1, 1]))
    table = by_measure(pd.DataFrame([row]))
    found = unpack_hits({4: table["key", "2", "m"]})
    assert found.seeds == (4,)
    assert found.hit.tolist() == [(hit & counted).astype(float).tolist()]
    assert found.counted.tolist() == [counted.astype(float).tolist()]
    assert found.clusters.tolist() == [1, 1, 2, 2, 2, 0, 0, 0, 0, 0]
