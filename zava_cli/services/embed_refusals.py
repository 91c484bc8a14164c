"""Products whose text the provider does not take: the others go on, these wait in the queue with the reason."""

from __future__ import annotations

from collections.abc import Sequence

from zava_cli.data.embed import Refused
from zava_cli.data.embed_queue import EmbeddingQueue
from zava_cli.models.embed import Refusal, Refusals

MOST_NAMED = 20


async def put_off(queue: EmbeddingQueue, refused: Sequence[Refused], most_attempts: int, report: Refusals) -> None:
    """Leaves the products in the queue, which takes one of their tries, and adds them to the report."""
    if not refused:
        return
    report.given_up += await queue.put_off(refused, most_attempts)
    report.put_off += len(refused)
    for product, reason in refused[: MOST_NAMED - len(report.refused)]:
        report.refused.append(Refusal(sku=product.sku, name=product.name, reason=reason))
