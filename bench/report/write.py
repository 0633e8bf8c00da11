"""Write a suite's report: `index.html` with a folder of figures, and the same page as `report.md`."""

from collections.abc import Mapping, Sequence
from math import log
from pathlib import Path
from typing import Any

import pandas as pd

from bench.analysis.claims.claim import Judgement
from bench.analysis.claims.own_rows import ahead_warnings
from bench.analysis.correctness import clusters_of_targets
from bench.files.atomic import clear_errors, whole_file
from bench.files.plain import check_plain
from bench.report.findings import Findings, findings
from bench.report.machines import Machine, machines
from bench.report.page import Page, Pictures, as_html, as_markdown
from bench.report.pictures import FOLDER, draw
from bench.report.sections import claims, design, provenance, results, speed
from bench.report.sections.consistency import consistency
from bench.report.sections.pareto import accuracy_against_cost
from bench.report.sections.recipes import recipes, trained_apart
from bench.report.sections.scaling import crossings, scaling
from bench.report.sections.targets import across_targets
from bench.report.sections.tuning import tuned_alike, tuning


def write_report(
    suite: Mapping[str, Any],
    tables: Mapping[str, pd.DataFrame],
    out: Path,
    outside: Sequence[str] = (),
    speeds: Mapping[str, pd.DataFrame] | None = None,
    judgements: Sequence[Judgement] = (),
) -> Path:
    """Write the report of one suite; the same input gives the same bytes.

    Args:
        suite: The resolved suite, as in `results/<suite>/suite.json`.
        tables: `cells`, `runs`, `comparison` and `ablations`, as in `results/<suite>/tables/`, `correctness` if it is
            kept, `own_rows` if arms are compared with the ladder, and `trials` if the suite asks for a tuning.
        out: The report's folder; an earlier report in it is replaced.
        outside: The keys of runs in the store that the suite does not ask for.
        speeds: Machine -> its records, from `bench.store.speed_file.all_machines`. Records without any of the suite's
            models are ignored.
        judgements: The judgements of claims; without any, the report has no section on claims.

    Returns:
        The path of `index.html`.

    Raises:
        StoreError: the folder cannot be written.
        InputError: it holds links.
    """
    measured = machines(suite, tables, speeds or {})
    of_ladders = findings(tables)
    check_plain([out, out / FOLDER])  # what an earlier report left there is removed
    with clear_errors(out, "--reports"):
        (out / FOLDER).mkdir(parents=True, exist_ok=True)
        pictures = draw(suite, tables, _constant_answers(tables["runs"]), out, measured, of_ladders)
        page = build_page(suite, tables, pictures, outside, measured, of_ladders, judgements)
        for name, text in (("report.md", as_markdown(page)), ("index.html", as_html(page))):
            with whole_file(out / name) as temporary:
                temporary.write_text(text, encoding="utf-8", newline="\n")
    return out / "index.html"


def build_page(
    suite: Mapping[str, Any],
    tables: Mapping[str, pd.DataFrame],
    pictures: Pictures,
    outside: Sequence[str] = (),
    measured: Sequence[Machine] = (),
    of_ladders: Sequence[Findings] = (),
    judgements: Sequence[Judgement] = (),
) -> Page:
    """Return the page with all of its sections in order."""
    cells, runs, comparison, ablations = (tables[name] for name in ("cells", "runs", "comparison", "ablations"))
    sections = (
        *claims.claims(judgements),
        *results.accuracy(comparison, pictures, _constant_answers(runs)),
        results.gains(comparison),
        *(
            part(of_transfer, pictures)
            for of_transfer in of_ladders
            for part in (scaling, crossings, across_targets, consistency)
        ),
        *results.ablations(ablations, pictures),
        *results.own_rows(tables.get("own_rows")),
        *(
            part
            for machine in measured
            for part in (
                speed.equal(machine),
                speed.best(machine),
                speed.ranking(machine),
                accuracy_against_cost(machine, pictures),
            )
        ),
        design.limits(
            suite,
            cells,
            {*comparison["method"], *ablations["method"]},
            clusters_of_targets(cells, tables.get("correctness")),
        ),
        *results.pretraining(cells, runs, _guessing(suite)),
        design.what_was_run(suite, runs),
        *design.left_out(tables.get("left_out")),
        recipes(suite),
        *tuning(suite, tables.get("trials"), pictures.get(("tuning",))),
        provenance.failures(runs),
        provenance.not_run(cells),
        *provenance.notes(runs),
        *provenance.outside(outside),
        provenance.cost(runs),
        provenance.environment(runs),
        design.resolved_suite(suite),
    )
    return Page(
        title=f"ViT, CNN and hybrid compared: {suite['name']}",
        summary=(provenance.summary(cells), *trained_apart(suite), *tuned_alike(suite)),
        warnings=(
            *provenance.shortcomings(suite, tables),
            *provenance.failed_seeds(comparison, ablations),
            *provenance.same_predictions(comparison, ablations),
            *ahead_warnings(tables.get("own_rows")),
        ),
        sections=sections,
    )


def _constant_answers(runs: pd.DataFrame) -> dict[str, float]:
    """Return target -> accuracy of the best constant answer, or 1 / classes if only older runs recorded the target."""
    tested = runs[runs["target"] != ""]
    known = tested.reindex(columns=["constant_answer", "num_classes"]).astype("float64")
    levels = known["constant_answer"].fillna(1 / known["num_classes"]).groupby(tested["target"]).max()
    return {str(target): level for target, level in levels.dropna().items()}


def _guessing(suite: Mapping[str, Any]) -> dict[str, float]:
    """Return corpus -> cross-entropy of equal probabilities for its classes, if their number is known."""
    corpora = [ladder["corpus"] for ladder in suite["corpora"]]
    return {corpus["name"]: log(corpus["classes"]) for corpus in corpora if corpus.get("classes")}
