"""A store's report for agents: every list as columns and rows, so that nothing is named twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from zava_cli.models.store import Figure, StoreMetrics, StorePerformance

FIGURE_COLUMNS = [
    "metric", "unit", "value", "previous", "change_percent_to_previous", "last_year", "change_percent_to_last_year",
]  # fmt: skip


def compact_report(report: StorePerformance) -> dict[str, Any]:
    """The report without the store's id, which nobody should be shown."""
    metrics = report.metrics
    most_changed = [metrics.most_changed_category] if metrics.most_changed_category else []
    return {
        "store": report.store,
        "location": report.location,
        "period": report.period.model_dump(mode="json", exclude_none=True),
        "last_order": report.last_order,
        "metrics": {"columns": FIGURE_COLUMNS, "rows": _figures(metrics)},
        "top_products": _table(metrics.top_products),
        "top_categories": _table(metrics.top_categories),
        "most_changed_category": _table(most_changed),
        "insights": report.insights,
    }


def _figures(metrics: StoreMetrics) -> list[list[Any]]:
    named = ((name, getattr(metrics, name)) for name in StoreMetrics.model_fields)
    return [
        [
            name, figure.unit, figure.value,
            figure.previous.base, figure.previous.change_percent,
            figure.last_year.base, figure.last_year.change_percent,
        ]
        for name, figure in named if isinstance(figure, Figure)
    ]  # fmt: skip


def _table(items: Sequence[BaseModel]) -> dict[str, Any]:
    if not items:
        return {}
    columns = list(type(items[0]).model_fields)
    return {"columns": columns, "rows": [[getattr(item, name) for name in columns] for item in items]}
