"""Asks a model the golden queries: whether its index finds what is nearest, and whether its answers are still good."""

from __future__ import annotations

from contextlib import nullcontext
from uuid import UUID

from zava_cli.data.embed import EmbeddingStore, ModelRow, embedding_store
from zava_cli.data.embed_check import CheckStore, GoldenQuery, LastCheck
from zava_cli.data.search import Match
from zava_cli.data.target import Target
from zava_cli.infra.embeddings.base import Embedder
from zava_cli.infra.errors import EmbeddingError
from zava_cli.infra.progress import Progress, no_progress
from zava_cli.models.embed_check import CheckReport, SwitchReport
from zava_cli.services.embed import Pending
from zava_cli.services.embed_golden import bring_queries
from zava_cli.services.embed_models import model_on_record
from zava_cli.services.embedding import EmbedderSource, question_text

NEAREST = 10
FIRST = 5
LEAST_RECALL = 0.95
LEAST_AGREEMENT = 0.8
MOST_LOST_HITS = 0.05
SAME = 1e-6
"""Two products of one text are equally near, and either may be found."""


async def check_model(
    target: Target, model: str | None, *, accept: bool = False, queries: str | None = None,
    on_progress: Progress = no_progress,
) -> CheckReport:  # fmt: skip
    """Checks a model, by default the one that search uses, against exact search and its last check.

    With `queries`, the text of a shop's own, these are the golden ones once the model has answered them; see
    `bring_queries`.

    A model without problems is what the next check is compared with; `accept` makes it that with problems too.
    Raises ValidationError for a model that is not on record or wrong queries, and EmbeddingError when its provider does
    not answer.
    """
    async with EmbedderSource(target.settings) as source, embedding_store(target) as store:
        row = await model_on_record(store, model)
        checks = CheckStore(store)
        # Otherwise none stays open while a provider thinks.
        async with nullcontext() if queries is None else checks.whole():
            if queries is not None:
                await bring_queries(checks, queries)
            report, answers = await _check(store, row, source.of(row), on_progress)
            if accept or not report.problems:
                await checks.keep(row.model, report.recall, report.hits, answers)
        return report


async def switch_model(
    target: Target, model: str, *, force: bool = False, on_progress: Progress = no_progress
) -> SwitchReport:
    """Makes search use another model from one moment to the next, once it is found complete and no worse.

    Raises EmbeddingError with the figures when it is not, unless `force`; ValidationError when there is none.
    """
    async with EmbedderSource(target.settings) as source, embedding_store(target) as store:
        row = await model_on_record(store, model)
        before = next((other for other in await store.models() if other.is_active), None)
        report, answers = await _check(store, row, source.of(row), on_progress)
        problems = [*report.problems]
        if report.missing or report.waiting:
            problems.append(f"{report.missing} products have no vector of it, {report.waiting} are in its queue")
        if before is not None and before.model != model:
            hits = await _hits_of(store, source, before, on_progress)
            if hits is not None and report.hits < hits - MOST_LOST_HITS:
                problems.append(f"it answers {report.hits:.0%} of the golden queries well, {before.model} {hits:.0%}")
        if problems and not force:
            raise EmbeddingError(
                f"Search goes on with the present model: {'; '.join(problems)}.",
                hint="`zava embed` completes a model; --force switches all the same.",
            )
        switched = await store.activate(model)
        if not switched and (before is None or before.model != model):
            raise EmbeddingError(f"{model} has no vector at all.", hint="`zava embed` completes a model.")
        await CheckStore(store).keep(model, report.recall, report.hits, answers)
        return SwitchReport(
            model=model, before=before.model if before else None, switched=switched,
            check=report.model_copy(update={"problems": problems}),
        )  # fmt: skip


async def _check(
    store: EmbeddingStore, row: ModelRow, embedder: Embedder, on_progress: Progress
) -> tuple[CheckReport, dict[str, list[str]]]:
    checks = CheckStore(store)
    golden = await checks.golden()
    recalls: list[float] = []
    hits: list[bool] = []
    answers: dict[str, list[str]] = {}
    for number, asked in enumerate(golden):
        on_progress(f"asking {row.model}", number, len(golden))
        vector = await embedder.embed_query(question_text(asked.query))
        if not vector.any():
            continue
        found = await checks.nearest(row, vector, NEAREST, exact=False)
        exact = await checks.nearest(row, vector, NEAREST, exact=True)
        recalls.append(_recall(_scores(found), _scores(exact)))
        hits.append(_is_hit(asked, dict(list(found.items())[:FIRST])))
        answers[asked.query] = [str(key) for key in found]
    status = next(one for one in await store.backlog() if one["model"] == row.model)
    last = await checks.last(row.model)
    report = CheckReport(
        model=row.model,
        queries=len(answers),
        recall=sum(recalls) / len(recalls) if recalls else 0.0,
        hits=sum(hits) / len(hits) if hits else 0.0,
        agreement=None if last is None else _agreement(answers, last.answers),
        outdated=sum(product.change_no is None for product in Pending.of(await checks.sample(row.model)).products),
        missing=await store.count_products() - status["embedded"],
        waiting=status["waiting"] + status["failed"],
        last_checked=None if last is None else last.updated_at,
        problems=[],
    )
    return report.model_copy(update={"problems": _problems(report, last)}), answers


def _problems(report: CheckReport, last: LastCheck | None) -> list[str]:
    found: list[str] = []
    if not report.queries:
        found.append("it has answered nothing")
    elif report.recall < LEAST_RECALL:
        found.append(f"its index finds {report.recall:.0%} of what is nearest; {LEAST_RECALL:.0%} is wanted")
    if report.agreement is not None and report.agreement < LEAST_AGREEMENT:
        found.append(f"it finds {report.agreement:.0%} of what it found at the last check")
    # Without an answer in common it was asked other queries.
    if last is not None and report.agreement is not None and report.hits < last.hits - MOST_LOST_HITS:
        found.append(f"it answers {report.hits:.0%} of the golden queries well, at the last check {last.hits:.0%}")
    if report.outdated:
        found.append(f"{report.outdated} vectors of a sample are not of today's texts: run `zava embed`")
    return found


async def _hits_of(store: EmbeddingStore, source: EmbedderSource, row: ModelRow, on_progress: Progress) -> float | None:
    """Share of good answers of the model in use; from its last check where its provider is not to be had."""
    try:
        return (await _check(store, row, source.of(row), on_progress))[0].hits
    except EmbeddingError:
        last = await CheckStore(store).last(row.model)
        return None if last is None else last.hits


def _scores(found: dict[UUID, Match]) -> list[float]:
    return [match.score for match in found.values()]


def _recall(found: list[float], exact: list[float]) -> float:
    """Share of the nearest that was found, by how near they are."""
    if not exact:
        return 1.0
    return sum(similarity >= exact[-1] - SAME for similarity in found) / len(exact)


def _is_hit(asked: GoldenQuery, first: dict[UUID, Match]) -> bool:
    if asked.type_id is None:
        return asked.product_id in first
    return any(match.type_id == asked.type_id for match in first.values())


def _agreement(answers: dict[str, list[str]], last: dict[str, list[str]]) -> float | None:
    both = [(answers[query], keys) for query, keys in last.items() if query in answers and keys]
    shares = [len(set(now) & set(before)) / len(before) for now, before in both]
    return sum(shares) / len(shares) if shares else None
