"""A store's figures as a page for people: on a terminal, or as markdown for documents and chats."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, BinaryIO

from zava_cli.commands.output.destination import open_output
from zava_cli.commands.output.formats import RenderOptions
from zava_cli.commands.output.readable import MarkdownWriter, markdown_text
from zava_cli.infra.visible import visible
from zava_cli.models.store import Comparison, Figure, StorePerformance, TopCategory, TopProduct
from zava_cli.services.insights import change_in_words, in_words

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

NAMES = {
    "revenue": "Revenue",
    "gross_sales": "Gross sales",
    "orders": "Orders",
    "units": "Units",
    "average_order_value": "Average order",
    "gross_margin": "Gross margin",
    "gross_margin_percent": "Gross margin rate",
    "discount_percent": "Discount rate",
    "return_percent": "Return rate",
    "customers": "Customers",
    "new_customers": "  new",
    "returning_customers": "  returning",
}
BASES = {2, 4}
"""Columns that hold what is compared with."""
LESS_IS_BETTER = {"return_percent"}
NEITHER_IS_BETTER = {"discount_percent"}
FIGURE_HEADERS = ("", "Value", "Previous", "Change", "Last year", "Change")
NARROW_HEADERS = ("", "Value", "", "Previous", "", "Last year")
LEADER_HEADERS = ("Revenue", "Share", "Units", "Previous", "Change")
WITHOUT_CENTS = 100_000
"""Money from here on is shown without cents, so that six columns fit; the json format is exact."""
NARROWEST_NAME = 12
GAP = 2
"""Cells between two columns."""
ARROWS = "▲▼"


def print_report(performance: StorePerformance) -> None:
    """Print the page for a terminal, in its width."""
    from zava_cli.commands.output.table import render

    with open_output(None) as out:
        options = RenderOptions.for_output(out)
        parts: list[RenderableType] = [_header(performance), _figures(performance, options.width)]
        parts += [*_leaders(performance, options.width), _insights(performance)]
        out.write("\n".join(render(part, options) for part in parts).encode())


def print_markdown_report(performance: StorePerformance) -> None:
    """Print the page as markdown."""
    name, covered, compared = _titles(performance)
    with open_output(None) as out:
        out.write(f"# {markdown_text(name)}\n\n{markdown_text(covered)}  \n{markdown_text(compared)}\n\n".encode())
        rows = _figure_rows(performance)
        columns = _figure_columns(performance, rows, None)
        _markdown_table(
            out, [FIGURE_HEADERS[i] or "Figure" for i in columns], [[row[i] for i in columns] for row in rows]
        )
        for title, leaders in _leader_lists(performance):
            out.write(b"\n")
            _markdown_table(out, [title, *LEADER_HEADERS], [_leader_row(leader) for leader in leaders])
        out.write(b"\n")
        out.write("".join(f"- {markdown_text(text)}\n" for text in performance.insights).encode())


def _titles(performance: StorePerformance) -> tuple[str, str, str]:
    period = performance.period
    days = f"{period.start}" if period.start == period.end else f"{period.start} to {period.end}"
    name = period.label[0].upper() + period.label[1:]
    covered = f"{name} ({days}, {period.time_zone})" if days != period.label else f"{days} ({period.time_zone})"
    compared = f"Previous: {_named(period.previous.label, period.previous.start, period.previous.end)}."
    last_year = (
        ""
        if period.is_compared_once
        else (f" Last year: {_named(period.last_year.label, period.last_year.start, period.last_year.end)}.")
    )
    place = "" if performance.location in performance.store else f", {performance.location}"
    return f"{performance.store}{place}", covered, f"{compared}{last_year}"


def _named(label: str, start: object, end: object) -> str:
    # A calendar period says it all; the others need their days.
    if not label.startswith("the "):
        return label
    return f"{label} ({start})" if start == end else f"{label} ({start} to {end})"


def _header(performance: StorePerformance) -> Text:
    from rich.text import Text

    name, covered, compared = map(visible, _titles(performance))
    return Text.assemble((name, "bold"), "\n", covered, "\n", (compared, "dim"))


def _figures(performance: StorePerformance, width: int | None) -> Table:
    from zava_cli.commands.output.table import new_table

    rows = _figure_rows(performance)
    columns = _figure_columns(performance, rows, width)
    table = new_table(has_header=True)
    titles = FIGURE_HEADERS if BASES & set(columns) else NARROW_HEADERS
    for index in columns:
        table.add_column(titles[index], justify="right" if index else "left", no_wrap=True)
    for key, row in zip(NAMES, rows, strict=True):
        figure: Figure = getattr(performance.metrics, key)
        name, value, before, change, year, year_change = row
        cells = (
            _styled(name), _styled(value, "" if name.startswith(" ") else "bold"),
            _styled(before, "dim"), _coloured(key, change, figure.previous),
            _styled(year, "dim"), _coloured(key, year_change, figure.last_year),
        )  # fmt: skip
        table.add_row(*(cells[index] for index in columns))
    return table


def _figure_columns(performance: StorePerformance, rows: list[tuple[str, ...]], width: int | None) -> list[int]:
    """Numbers of the columns to show: without those of last year where they repeat, and bases only where they fit."""
    columns = [0, 1, 2, 3] if performance.period.is_compared_once else [0, 1, 2, 3, 4, 5]
    widths = [max(map(len, column)) for column in zip(FIGURE_HEADERS, *rows, strict=True)]
    if width is not None and sum(widths[index] + GAP for index in columns) - GAP > width:
        columns = [index for index in columns if index not in BASES]
    return columns


def _figure_rows(performance: StorePerformance) -> list[tuple[str, ...]]:
    return [_figure_row(name, getattr(performance.metrics, key)) for key, name in NAMES.items()]


def _figure_row(name: str, figure: Figure) -> tuple[str, ...]:
    previous, last_year = figure.previous, figure.last_year
    return (
        name, _short(figure.value, figure), _short(previous.base, figure), _change(figure, previous),
        _short(last_year.base, figure), _change(figure, last_year),
    )  # fmt: skip


def _short(value: Decimal | None, figure: Figure) -> str:
    if value is None:
        return "-"
    return _amount(value) if figure.unit == "money" else in_words(value, figure.unit)


def _amount(value: Decimal) -> str:
    return in_words(value, "money") if abs(value) < WITHOUT_CENTS else f"{round(value):,}"


def _change(figure: Figure, comparison: Comparison) -> str:
    text = change_in_words(figure, comparison).replace(" points", " pt")
    return _with_arrow(text, comparison.change)


def _with_arrow(text: str, change: Decimal | None) -> str:
    if not text:
        return "-"
    size = text.lstrip("+-")
    if not change or size in ("0.0%", "0.0 pt"):
        return "="
    return f"{ARROWS[0] if change > 0 else ARROWS[1]} {size}"


def _coloured(key: str, text: str, comparison: Comparison) -> Text:
    if text[0] not in ARROWS or comparison.change is None:
        return _styled(text, "dim")
    if key in NEITHER_IS_BETTER:
        return _styled(text)
    is_good = (comparison.change > 0) != (key in LESS_IS_BETTER)
    return _styled(text, "green" if is_good else "red")


def _leader_lists(performance: StorePerformance) -> list[tuple[str, Sequence[TopProduct | TopCategory]]]:
    metrics = performance.metrics
    lists: list[tuple[str, Sequence[TopProduct | TopCategory]]] = [
        ("Top products", metrics.top_products),
        ("Top categories", metrics.top_categories),
    ]
    return [(title, leaders) for title, leaders in lists if leaders]


def _leader_row(leader: TopProduct | TopCategory) -> tuple[str, ...]:
    change = leader.revenue - leader.previous_revenue
    percent = f"{abs(change) * 100 / leader.previous_revenue:,.1f}%" if leader.previous_revenue > 0 else ""
    return (
        leader.name, _amount(leader.revenue),
        "-" if leader.share_percent is None else in_words(leader.share_percent, "percent"),
        f"{leader.units:,}", _amount(leader.previous_revenue), _with_arrow(percent, change),
    )  # fmt: skip


def _leaders(performance: StorePerformance, width: int | None) -> list[Table]:
    from zava_cli.commands.output.table import new_table

    lists = [(title, leaders, list(map(_leader_row, leaders))) for title, leaders in _leader_lists(performance)]
    widths = _leader_widths([row for _, _, rows in lists for row in rows], width)
    tables: list[Table] = []
    for title, leaders, rows in lists:
        table = new_table(has_header=True)
        for name, cells in zip((title, *LEADER_HEADERS), widths, strict=True):
            is_first = name == title
            table.add_column(name, justify="left" if is_first else "right", width=cells, no_wrap=True)
        for leader, (name, revenue, share, units, previous, change) in zip(leaders, rows, strict=True):
            way = "red" if leader.revenue < leader.previous_revenue else "green"
            table.add_row(
                _styled(name), _styled(revenue, "bold"), _styled(share), _styled(units), _styled(previous, "dim"),
                _styled(change, way if change[0] in ARROWS else "dim"),
            )  # fmt: skip
        tables.append(table)
    return tables


def _leader_widths(rows: Sequence[tuple[str, ...]], width: int | None) -> list[int]:
    """The same for both tables, so that their figures stand under each other; names get what is left."""
    from rich.cells import cell_len

    columns = list(zip(("Top categories", *LEADER_HEADERS), *rows, strict=True))
    names, *figures = (max(cell_len(visible(cell)) for cell in column) for column in columns)
    if width is not None:
        names = max(NARROWEST_NAME, min(names, width - sum(figures) - GAP * len(figures)))
    return [names, *figures]


def _insights(performance: StorePerformance) -> RenderableType:
    from rich.table import Table

    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=1)
    grid.add_column(overflow="fold")
    for text in performance.insights:
        grid.add_row(_styled("•"), _styled(text))
    return grid


def _styled(text: str, style: str = "") -> Text:
    from rich.text import Text

    return Text(visible(text), style=style)


def _markdown_table(out: BinaryIO, headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from zava_cli.models.query import Column

    writer = MarkdownWriter(out, RenderOptions())
    writer.begin([Column(name, "text" if index == 0 else "numeric") for index, name in enumerate(headers)])
    writer.write([(row[0].strip(), *row[1:]) for row in rows])
    writer.end()
