"""The trait `cue-conflict`: does a network that learned from outline and texture decide by one or by the other?

In the images of `shapes-heldout` both cues name the class. In those of `shapes-conflict` they name two classes, so an
answer shows which cue decided (Geirhos et al. 2019, "ImageNet-trained CNNs are biased towards texture"). Imports no
torch.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.config.trait_names import TraitName
from bench.data.shapes.cues import cues_of_test
from bench.data.shapes.shape_corpus import SHAPES
from bench.data.target import parse_target
from bench.plan.run import Run
from bench.traits.trait import Hits, Measure, share_of_images

if TYPE_CHECKING:
    import pandas as pd

    from bench.traits.subject import Subject

LEARNED, CONFLICT = "shapes-heldout", "shapes-conflict"
"""The target on which a network learned, and the one whose test images it answers."""


class CueConflict:
    """The shares of answers that name the outline, the texture, or neither."""

    name: TraitName = "cue-conflict"
    version = 1
    columns: Mapping[str, str] = dict.fromkeys(("id", "outline", "texture", "answer"), "int64")

    def settings(self, run: Run) -> dict[str, Any]:
        """Return the target whose test images are answered, and the version of the renderer that draws them."""
        return {"target": CONFLICT, "renderer": SHAPES.version}

    def why_not(self, run: Run) -> str:
        """Return why a run's answers would not tell by which cue it decides."""
        if run.target is not None and run.target.name == LEARNED:
            return ""
        return f"trained on {run.target}, and only the target {LEARNED} teaches both cues"

    def answers(self, subject: "Subject") -> "pd.DataFrame":
        """Return for each test image the classes of its outline and texture, and the network's answer."""
        found = subject.answers(subject.test_images(parse_target(CONFLICT))).sort_values("id", ignore_index=True)
        outlines, textures = cues_of_test(CONFLICT)
        if not np.array_equal(found["label"], outlines):
            raise AssertionError(f"the test images of {CONFLICT} are in another order than their cues")
        return found[["id"]].assign(outline=outlines, texture=textures, answer=found["prediction"])

    def measures(self, answers: "pd.DataFrame") -> list[Measure]:
        """Return the shape bias (the outline's share of the answers that name a cue) and the share of each answer."""
        ids, answer = answers["id"].to_numpy(), answers["answer"].to_numpy()
        is_outline, is_texture = (answer == answers[cue].to_numpy() for cue in ("outline", "texture"))
        return [
            share_of_images("shape_bias", Hits(ids, is_outline, is_outline | is_texture)),
            share_of_images("outline_share", Hits(ids, is_outline)),
            share_of_images("texture_share", Hits(ids, is_texture)),
            share_of_images("neither_share", Hits(ids, ~(is_outline | is_texture))),
        ]
