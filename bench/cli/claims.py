"""`bench claims`: judge the claims of the literature and the custom claims of a suite by a store. Imports no torch."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import pandas as pd
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from bench.analysis.claims.claim import Citation, Claim, Judgement
from bench.analysis.claims.custom import CustomDifference, NamedRow
from bench.analysis.claims.evidence import FIVE, Evidence
from bench.analysis.claims.exact_check import has_arms
from bench.analysis.claims.judge import judge_claims
from bench.analysis.claims.literature import CLAIMS
from bench.analysis.claims.own_rows import ahead_warnings
from bench.analysis.claims.rows import Transfer
from bench.analysis.claims.verdict_table import as_json, claims_table
from bench.analysis.corpus_names import SCRATCH
from bench.analysis.stats.power import Limits
from bench.analysis.targets import ARRANGEMENT
from bench.cli.terminal import marked, say
from bench.config.custom_claims import ClaimedRow, CustomClaim
from bench.config.resolved import ResolvedSuite
from bench.config.suite import load_suite
from bench.config.yaml_file import path_of
from bench.data.target import parse_target
from bench.store.store import Store
from bench.tables.build import build_tables
from models.spec.size_classes import size_class

_OTHER_FILE = "The suite file has other seeds or looks now; these are the store's, as declared before its first run."
_DECLARED = ("seeds", "scratch_seeds", "looks")
_MOST_KEYS = 12
STYLES = {"supported": "green", "refuted": "red", "undecided": "yellow"}


def judge_and_write(store: Store, suite: str, tables: Mapping[str, pd.DataFrame] | None = None) -> list[Judgement]:
    """Judge the claims of the literature, then the custom claims; write the table `claims`.

    Args:
        store: the suite's store; the store of the suite `arrangement` is expected in the same folder.
        suite: the name or path that the user gave. If it is a file, its present claims are judged.
        tables: the store's tables, if they have been built already.
    """
    tables = tables or build_tables(store)
    resolved = store.suite()
    path = path_of(suite)
    written = load_suite(suite)[1] if path is not None and path.is_file() else None
    claims = all_claims(resolved, resolved.claims if written is None else written.claims)
    judgements = judge_claims(claims, evidence_of(store, resolved, tables), resolved.looks)
    if written is not None and any(getattr(written, name) != getattr(resolved, name) for name in _DECLARED):
        judgements = [replace(each, looks=f"{each.looks} {_OTHER_FILE}") for each in judgements]
    store.write_tables({"claims": claims_table(judgements)})
    return judgements


def all_claims(suite: ResolvedSuite, custom: Sequence[CustomClaim]) -> list[Claim]:
    """Return the claims of the literature, then custom claims with their defaults filled in from a suite."""
    return [*CLAIMS, *(_custom_claim(claim, suite) for claim in custom)]


def show_claims(
    console: Console, judgements: Sequence[Judgement], own_rows: pd.DataFrame | None = None, *, as_json_values: bool
) -> None:
    """Print the verdicts, the arms that are ahead of the ladder, and the evidence of each claim.

    Args:
        console: the console to print to.
        judgements: the judgements of the claims.
        own_rows: the table `own_rows` of the store, if it has one.
        as_json_values: whether to print the judgements alone, as JSON.
    """
    if as_json_values:
        say(json.dumps(list(map(as_json, judgements)), indent=1, allow_nan=False))
        return
    console.print(_verdicts(judgements))
    console.print(judgements[0].looks, soft_wrap=True, highlight=False)
    for sentence in ahead_warnings(own_rows):
        console.print(marked("warning", "yellow", f": {sentence}"), soft_wrap=True, highlight=False)
    for judgement in judgements:
        console.print()
        for line in _details(judgement):
            console.print(line, soft_wrap=True, highlight=False)


def _verdicts(judgements: Sequence[Judgement]) -> Table:
    narrow = {name: Column(name, no_wrap=True) for name in ("claim", "verdict", "pairs")}
    columns = (narrow["claim"], narrow["verdict"], "estimate", narrow["pairs"], "published")
    table = Table(*columns, title="Claims", title_justify="left")
    for judgement in judgements:
        verdict = Text(judgement.verdict, style=STYLES.get(judgement.verdict, "dim"))
        figure = judgement.claim.published.figure
        table.add_row(judgement.claim.id, verdict, Text(judgement.text), judgement.pairs, Text(figure))
    return table


def _details(judgement: Judgement) -> list[Text]:
    claim = judgement.claim
    verdict = (judgement.verdict, STYLES.get(judgement.verdict, "dim"))
    heading = Text.assemble((f"{claim.id} ", "bold"), verdict, f": {claim.sentence}")
    published = "; ".join(filter(None, (claim.published.figure, claim.published.metric, claim.published.source)))
    level = f"each interval at {judgement.level_text}" if judgement.level_text else ""
    details = [
        ("published", published),
        ("judged by", claim.margin),
        ("measured", "; ".join(filter(None, (judgement.measured, level)))),
        *(("found", f"{part.name}: {part.text}, {part.word}") for part in judgement.parts),
        ("why", judgement.reason),
        ("would decide", judgement.would_decide),
        *(("beside", line) for line in judgement.beside),
        ("runs", _some(judgement.keys)),
    ]
    return [heading, *(Text(f"  {name:<13}{text}") for name, text in details if text)]


def _some(keys: Sequence[str]) -> str:
    """Return keys in a line, or the first of them and how many there are."""
    if len(keys) <= _MOST_KEYS:
        return " ".join(keys)
    return f"{' '.join(keys[:_MOST_KEYS])} … ({len(keys)} in all; --json lists them)"


def evidence_of(store: Store, suite: ResolvedSuite, tables: Mapping[str, pd.DataFrame]) -> Evidence:
    """Return a store's tables with what claims need beside them.

    These are the results of the suite `arrangement`, unless the suite itself has arms on this target.
    """
    neighbour = Store(store.root.parent / ARRANGEMENT)
    arrangement = None
    if not has_arms(tables["cells"]) and neighbour.root != store.root and neighbour.has_suite:
        arrangement = Evidence(build_tables(neighbour), _references(neighbour.suite()))
    return Evidence(tables, _references(suite), _size_classes(tables["cells"], tables["runs"]), arrangement)


def _references(suite: ResolvedSuite) -> dict[str, str]:
    return {ablation.name: ablation.reference for ablation in suite.ablations}


def _size_classes(cells: pd.DataFrame, runs: pd.DataFrame) -> dict[str, str | None]:
    """Return each model's size class by parameters, counted with the head of the suite's first target."""
    ladder = cells[cells["ablation"] == ""]
    tested = ladder[ladder["target"] == ladder["target"].iloc[0]] if len(ladder) else ladder
    parameters = runs.drop_duplicates("key").set_index("key")["parameters"].dropna()
    counted = tested[tested["transfer_key"].isin(parameters.index)].drop_duplicates("model")
    names, families, keys = (counted[column].tolist() for column in ("model", "family", "transfer_key"))
    sizes = {name: int(size) for name, size in zip(names, parameters.loc[keys], strict=True)}
    vits = {name: sizes[name] for name, family in zip(names, families, strict=True) if family == "vit"}
    return {model: size_class(size, vits) for model, size in sizes.items()}


def _custom_claim(claim: CustomClaim, suite: ResolvedSuite) -> Claim:
    """Return a custom claim with all defaults filled in from the suite."""
    kinds = [choice.kinds(suite.transfers) for choice in suite.targets if choice.target == claim.target]
    kind = claim.transfer or (kinds[0] if kinds else suite.transfers)[0]
    shots = (claim.shots or (FIVE if FIVE in suite.shots else max(suite.shots))) if kind == "k-shot" else None
    target = parse_target(claim.target)
    margin = claim.margin / 100
    by = f"{claim.margin:g} point{'' if claim.margin == 1 else 's'}"
    by += " of balanced accuracy" * (claim.metric == "balanced_accuracy")
    ends, words = {
        "above": ((margin, math.inf), f"first above second by more than {by}"),
        "below": ((-math.inf, -margin), f"first below second by more than {by}"),
        "within": ((-margin, margin), f"first within {by} of second"),
    }[claim.difference]
    return Claim(
        id=claim.id,
        sentence=claim.sentence,
        published=Citation(claim.published, "", ""),
        comparison=CustomDifference(
            _named_row(claim.first, suite),
            _named_row(claim.second, suite),
            str(target if shots is None else replace(target, num_images=None)),
            Transfer(kind, shots),
            Limits(*ends),
            claim.metric,
        ),
        margin=words,
        needs=f"both rows, {Transfer(kind, shots)} on {claim.target}",
        is_custom=True,
    )


def _named_row(row: ClaimedRow, suite: ResolvedSuite) -> NamedRow:
    external = next((weights for weights in suite.external_weights if weights.model == row.model), None)
    if external is not None:
        return NamedRow(external.bare_model, external.corpus, None)
    corpora = {ladder.corpus.name: ladder for ladder in suite.corpora}
    corpus = row.corpus or next(iter(corpora), SCRATCH)
    if corpus == SCRATCH:
        return NamedRow(row.model, SCRATCH, 0)
    if corpus not in corpora:
        return NamedRow(row.model, corpus, None, f"the suite does not pretrain on {corpus}, but on {_listed(corpora)}")
    ladder = corpora[corpus]
    if isinstance(row.subset, str) and row.subset not in ladder.named:
        reason = f"{row.subset} is no rung of {corpus}; its rungs are {_listed(ladder.subsets)}"
        return NamedRow(row.model, corpus, None, reason)
    rung = ladder.rungs[-1] if row.subset is None else ladder.rung(row.subset)
    return NamedRow(row.model, corpus, rung.images)


def _listed(names: Iterable[object]) -> str:
    return ", ".join(map(str, names)) or "none"
