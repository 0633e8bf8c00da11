"""Declare the claims of the literature that every report judges, each with the figure that was published.

Margins are in percentage points of accuracy. A claim about a stated number of pretraining images is judged at that size
alone; what smaller ladders can test are C11 and C12.
"""

import math

from bench.analysis.claims.ablation_arms import (
    OVERLAP,
    POSITION,
    ArmDifferences,
    other_encodings,
    overlap_at_equal_tokens,
    overlap_at_other_tokens,
    without_encoding,
)
from bench.analysis.claims.along_ladder import (
    ABOVE_ZERO,
    BIG,
    MEDIUM,
    NEAR,
    SMALL,
    AtSize,
    CrossesNear,
    Gains,
    HybridLeads,
)
from bench.analysis.claims.claim import Citation, Claim
from bench.analysis.claims.compute_saving import LessCompute
from bench.analysis.claims.exact_check import CannotTell
from bench.analysis.claims.shape_bias import MoreLikePeople
from bench.analysis.stats.power import Limits

POINT = 0.01
WITHIN_A_POINT = Limits(-POINT, POINT)
_VIT = "Dosovitskiy et al. 2021 (arXiv 2010.11929)"
_TRANSFER = "test accuracy after fine-tuning, models of up to 632 M parameters"
_FIVE_SHOT = "ImageNet, five-shot linear, ViT-B/16"

CLAIMS = (
    Claim(
        id="C1",
        sentence="Pretrained on the small set, ViT is slightly worse than ResNet on every target.",
        published=Citation(
            "about \N{MINUS SIGN}1 to \N{MINUS SIGN}3 points", _TRANSFER, f"{_VIT}, section 4.3", (-3, -1), "points"
        ),
        comparison=AtSize(SMALL, Limits(-3 * POINT, 0.0), on_each_target=True, stands_in="smallest"),
        margin="below 0, by less than 3 points, on each real target",
        needs="ViT and ResNet after 1.3 million images, within a tenth, on real targets",
    ),
    Claim(
        id="C2",
        sentence="On the medium set they are about equal.",
        published=Citation("within a point", _TRANSFER, f"{_VIT}, section 4.3", (-1, 1), "points"),
        comparison=AtSize(MEDIUM, WITHIN_A_POINT, on_each_target=False, stands_in="middle"),
        margin="within 1 point, on the mean of the real targets",
        needs="ViT and ResNet after 14 million images, within a tenth, on real targets",
    ),
    Claim(
        id="C3",
        sentence="On the big set ViT is about 1 point better.",
        published=Citation("+1 point", _TRANSFER, f"{_VIT}, section 4.3", (1, 1), "points"),
        comparison=AtSize(BIG, ABOVE_ZERO, on_each_target=False, stands_in="largest"),
        margin="above 0, on the mean of the real targets; by how much is shown, and not judged",
        needs="ViT and ResNet after 300 million images, within a tenth, on real targets",
    ),
    Claim(
        id="C4",
        sentence="They cross near 100 million pretraining images; ViT keeps rising with more data, ResNet saturates.",
        published=Citation(
            "at 1e8 images; ResNet flat to 3e8",
            "ImageNet, five-shot linear",
            f"{_VIT}, figure 4",
            (1e8, 1e8),
            "images",
        ),
        comparison=CrossesNear(NEAR, factor=2.0, flat=POINT),
        margin="crossing within a factor of 2; from 1e8 to 3e8 ViT gains, and ResNet moves by less than 1 point",
        needs="ViT and ResNet after 14, 100 and 300 million images of equal class count, on real targets",
    ),
    Claim(
        id="C5",
        sentence="Without positional encoding ViT loses about 3 points.",
        published=Citation(
            "\N{MINUS SIGN}2.8 points (61.4 against 64.2 %)",
            _FIVE_SHOT,
            f"{_VIT}, appendix D.4",
            (-2.8, -2.8),
            "points",
        ),
        comparison=ArmDifferences(
            POSITION,
            without_encoding,
            Limits(-5 * POINT, -POINT),
            few_shot=True,
            beside_name="any loss at all",
            beside_pairs=without_encoding,
        ),
        margin="a loss within 2 points of 3, on the mean of the real targets",
        needs="the ablation `position` with an arm pos=none, on real targets",
    ),
    Claim(
        id="C6",
        sentence="The kind of positional encoding hardly matters.",
        published=Citation(
            "1-D 64.21, 2-D 64.00, relative 64.03 %", _FIVE_SHOT, f"{_VIT}, appendix D.4", (-0.21, -0.18), "points"
        ),
        comparison=ArmDifferences(POSITION, other_encodings, WITHIN_A_POINT, few_shot=True),
        margin="each kind within 1 point of the reference arm, on the mean of the real targets",
        needs="the ablation `position` with arms of several kinds, on real targets",
    ),
    Claim(
        id="C7",
        sentence="Patches may overlap or not.",
        published=Citation("no figure", "", _VIT),
        comparison=ArmDifferences(
            OVERLAP,
            overlap_at_equal_tokens,
            WITHIN_A_POINT,
            beside_name="fewer tokens",
            beside_pairs=overlap_at_other_tokens,
        ),
        margin="overlap within 1 point of as many tokens without overlap, on the mean of the real targets",
        needs="the ablation `patch-overlap` with an arm that overlaps and one of as many tokens, on real targets",
    ),
    Claim(
        id="C8",
        sentence=("Without positional encoding the encoder cannot tell two arrangements of the same patches apart."),
        published=Citation("exact: the same output", "", "by construction"),
        comparison=CannotTell(),
        margin="exact: without encoding one output for all arrangements, in every seed; with an encoding, in no seed",
        needs=(
            "arms with and without positional encoding on the target arrangement, in this suite or in the suite "
            "arrangement (`bench run arrangement`), with the predictions on its test images"
        ),
    ),
    Claim(
        id="C9",
        sentence="Combining convolution and attention is worth it: hybrids lead at small scale, and the lead shrinks.",
        published=Citation(
            "hybrids ahead at small pretraining compute; no difference for larger models",
            "mean over five targets against pretraining compute",
            f"{_VIT}, figure 5",
        ),
        comparison=HybridLeads(),
        margin=(
            "above ViT and above ResNet at the smallest rung; both leads fall with the logarithm of the size, in "
            "points and in log odds"
        ),
        needs="the three families on two rungs or more of equal class count, on real targets",
    ),
    Claim(
        id="C10",
        sentence=(
            "Convolution extracts detail, attention sees the whole; Transformers' mistakes are more like people's."
        ),
        published=Citation(
            "more shape bias, and errors more consistent with people's",
            "shape bias and error consistency",
            "Tuli et al. 2021 (arXiv 2105.07197), Geirhos et al. 2020 (arXiv 2006.16736)",
        ),
        comparison=MoreLikePeople(ABOVE_ZERO),
        margin="ViT's shape bias above ResNet's on the largest rung, and its errors more consistent with people's",
        needs=(
            "the trait cue-conflict of ViT and ResNet after the same pretraining (target shapes-heldout, with weights "
            "kept), and people's answers to images that the models answer, too"
        ),
    ),
    Claim(
        id="C11",
        sentence="The more pretraining data, the better ViT stands against ResNet.",
        published=Citation("the difference grows with log n", "ImageNet, five-shot linear", f"{_VIT}, figure 4"),
        comparison=Gains(ABOVE_ZERO),
        margin="the slope of ViT less ResNet against the logarithm of the size is above 0, in points and in log odds",
        needs="ViT and ResNet on two rungs or more of equal class count, on real targets",
    ),
    Claim(
        id="C12",
        sentence="For equal accuracy ViT needs less pretraining compute than ResNet.",
        published=Citation(
            "2 to 4 times less",
            "mean over five targets, pretrained on JFT",
            f"{_VIT}, section 4.4 and figure 5",
            (0.25, 0.5),
            "times",
        ),
        comparison=LessCompute(Limits(-math.inf, 1.0)),
        margin=(
            "pretraining FLOPs of ViT over those of ResNet below 1, for the best accuracy with so many FLOPs or fewer, "
            "on the mean of the real targets"
        ),
        needs="ViT and ResNet pretrained for several budgets (`budgets`, as in the suite gpu-full), on real targets",
    ),
)
