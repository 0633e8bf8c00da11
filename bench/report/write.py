"""Write a suite's report: `index.html`, which needs no other file, the same page as `report.md`, tables, figures."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from bench.analysis.claims.claim import Judgement
from bench.analysis.recommend.question import Measured
from bench.files.atomic import clear_errors, whole_file
from bench.files.plain import check_plain
from bench.report.charts.embed import HOW_TO_GET, bundle
from bench.report.citation import citation
from bench.report.exports import TABLES, exported, write_tables
from bench.report.findings import Findings, findings
from bench.report.first_screen.screen_words import first_screen
from bench.report.interactive import LADDER, with_ladder, with_specs
from bench.report.layout import by_transfer, family_name, panels, target_key
from bench.report.machines import Machine, machines, speeds_of_suite
from bench.report.page import Charts, Filters, Page
from bench.report.pictures import FOLDER, draw
from bench.report.recommender import recommender, rungs_of
from bench.report.rendering import as_html, as_markdown
from bench.report.sections.ablations import ablations
from bench.report.sections.claims import claims
from bench.report.sections.compare import compare
from bench.report.sections.fairness import fairness
from bench.report.sections.limits import limits
from bench.report.sections.more_data import more_data
from bench.report.sections.other_store import OtherStore
from bench.report.sections.row_details import BehindRows, StoreFacts
from bench.report.sections.runs import runs
from bench.report.sections.speed_and_cost import speed_and_cost


def write_report(
    suite: Mapping[str, Any],
    tables: Mapping[str, pd.DataFrame],
    out: Path,
    outside: Sequence[str] = (),
    speeds: Mapping[str, pd.DataFrame] | None = None,
    judgements: Sequence[Judgement] = (),
    store: StoreFacts | None = None,
    other: OtherStore | None = None,
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
        store: The store that the tables are from; by default the one of the suite's name, without weights.
        other: A store whose values stand behind those of this one.

    Returns:
        The path of `index.html`.

    Raises:
        StoreError: the folder cannot be written.
        InputError: it holds links.
    """
    measured = machines(suite, tables, speeds or {})
    of_ladders = findings(tables)
    check_plain([out, out / FOLDER, out / TABLES])  # what an earlier report left there is removed
    with clear_errors(out, "--reports"):
        (out / FOLDER).mkdir(parents=True, exist_ok=True)
        constant = constant_answers(tables["runs"])
        drawn = draw(suite, tables, constant, out, measured, of_ladders, judgements)
        charts = with_ladder(drawn, tables, of_ladders)
        scripts = bundle()
        if scripts is not None:
            charts = with_specs(charts, tables, constant, measured, of_ladders, judgements)
        of_suite = speeds_of_suite(suite, tables["cells"], speeds or {})
        advice = recommender(Measured(out.name, tables, rungs_of(suite), of_suite), store.with_weights if store else ())
        page = build_page(suite, tables, charts, outside, measured, of_ladders, judgements, advice, store, other)
        note = "" if scripts else HOW_TO_GET
        (compared,) = (part.tables[0] for part in page.sections if part.title == "Compare")
        write_tables(exported(tables, compared, judgements), out)
        downloads = (*_files(out / TABLES), *_files(out / FOLDER))
        page = replace(page, bundle=scripts or "", note=note, downloads=downloads)
        for name, text in (("report.md", as_markdown(page)), ("index.html", as_html(page))):
            with whole_file(out / name) as temporary:
                temporary.write_text(text, encoding="utf-8", newline="\n")
    return out / "index.html"


def build_page(
    suite: Mapping[str, Any],
    tables: Mapping[str, pd.DataFrame],
    charts: Charts,
    outside: Sequence[str] = (),
    measured: Sequence[Machine] = (),
    of_ladders: Sequence[Findings] = (),
    judgements: Sequence[Judgement] = (),
    advice: Mapping[str, Any] | None = None,
    store: StoreFacts | None = None,
    other: OtherStore | None = None,
) -> Page:
    """Return the page with its first screen and all of its sections in order."""
    behind = BehindRows(suite, tables, store or StoreFacts())
    named = [machine for machine in measured if machine.name]
    sections = (
        compare(tables, behind, named, constant_answers(tables["runs"]), other),
        more_data(of_ladders, charts),
        speed_and_cost(suite["name"], measured or machines(suite, tables, {}), charts),
        ablations(tables, behind, charts),
        *claims(judgements, charts),
        fairness(suite, tables, charts),
        runs(suite["name"], tables["cells"], tables["runs"], outside),
        limits(suite, tables, charts, of_ladders),
    )
    words = first_screen(suite, tables, of_ladders, judgements)
    first = replace(words, chart=charts.get(LADDER), recommender=advice)
    title, cited = f"ViT, CNN and hybrid compared: {suite['name']}", citation(suite, tables["runs"])
    return Page(title, first, sections, _filters(tables), cited)


def _filters(tables: Mapping[str, pd.DataFrame]) -> Filters:
    """Return the targets and families that the page can show, in the order of the comparison."""
    comparison, arms = tables["comparison"], tables["ablations"]
    keys = dict.fromkeys(
        target_key(panel.rows.iloc[0])
        for table in (comparison, arms)
        for _, of_transfer in by_transfer(table)
        for panel in panels(of_transfer)
    )
    families = dict.fromkeys([*comparison["family"], *arms["family"]])
    return Filters(
        tuple((key, key) for key in keys), tuple((each, family_name(each)) for each in families), len(arms) > 0
    )


def _files(folder: Path) -> tuple[str, ...]:
    """Return the paths of the files in a folder of the report, relative to the page."""
    return tuple(f"{folder.name}/{path.name}" for path in sorted(folder.iterdir()))


def constant_answers(runs: pd.DataFrame) -> dict[str, float]:
    """Return target -> accuracy of the best constant answer, or 1 / classes if only older runs recorded the target."""
    tested = runs[runs["target"] != ""]
    known = tested.reindex(columns=["constant_answer", "num_classes"]).astype("float64")
    levels = known["constant_answer"].fillna(1 / known["num_classes"]).groupby(tested["target"]).max()
    return {str(target): level for target, level in levels.dropna().items()}
