"""A store's figures are exactly those of its rows, in the business time zone, and of nobody else's store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from decimal import Decimal

import pytest

from tests.conftest import drop, new_profile, opened, settings_for
from zava_cli.commands.output.store_report import print_markdown_report, print_report
from zava_cli.data.admin import admin_connection, owner_transaction
from zava_cli.data.database import PostgreSQLProvider
from zava_cli.data.keys import register_keys
from zava_cli.data.migrate import migrate
from zava_cli.data.named_sql import named_sql
from zava_cli.data.target import Target
from zava_cli.infra.errors import AuthorizationError, ValidationError
from zava_cli.models.store import Figure, StorePerformance
from zava_cli.services.store import SalesAnalyticsService

SEATTLE = "11111111-1111-1111-1111-111111111111"
TACOMA = "22222222-2222-2222-2222-222222222222"
NOBODY = "99999999-9999-9999-9999-999999999999"
HARBOUR = "33333333-3333-3333-3333-333333333333"
EMPTY = "44444444-4444-4444-4444-444444444444"

CATALOGUE = """
INSERT INTO categories (name) VALUES ('HAND TOOLS'), ('PAINT');
INSERT INTO product_types (category_id, name) SELECT category_id, 'ANY' FROM categories;
INSERT INTO products (sku, name, category_id, type_id, cost, price)
SELECT v.sku, v.name, c.category_id, t.type_id, v.cost, v.price
FROM (VALUES ('H1', 'Hammer', 'HAND TOOLS', 4, 10), ('B1', E'Brush | \\x1b[31mred', 'PAINT', NULL, 5))
    AS v (sku, name, category, cost, price)
JOIN categories c ON c.name = v.category JOIN product_types t USING (category_id)
"""
MANAGERS = {
    "Sam Seattle": ("store_manager", [SEATTLE]),
    "Tom Tacoma": ("store_manager", [TACOMA]),
    "Hanna Harbour": ("store_manager", [HARBOUR]),
    "Emil Empty": ("store_manager", [EMPTY]),
    "Rita Region": ("regional_manager", [SEATTLE, HARBOUR]),
    "Hedda Office": ("head_office", []),
}
STORES = {
    SEATTLE: ("Zava Retail Seattle", "Seattle, WA", "Sam Seattle"),
    TACOMA: ("Zava Retail Tacoma", "Tacoma, WA", "Tom Tacoma"),
    HARBOUR: ("Zava Outlet Seattle Harbour", "Harbour, WA", "Hanna Harbour"),
    EMPTY: ("Zava Retail Empty", "Nowhere, WA", "Emil Empty"),
}
# Store, moment, customer, status, and lines of SKU, quantity, unit price and discount.
ORDERS: list[tuple[str, str, int | None, str, list[tuple[str, int, str, str]]]] = [
    (SEATTLE, "2024-03-15 12:00 America/Los_Angeles", 1, "completed", [("H1", 1, "10", "0")]),
    (SEATTLE, "2025-02-10 12:00 America/Los_Angeles", 2, "completed", [("H1", 2, "10", "2")]),
    (SEATTLE, "2025-03-01 00:00 America/Los_Angeles", 1, "completed", [("H1", 3, "10", "3"), ("B1", 2, "5", "0")]),
    (SEATTLE, "2025-03-09 12:00 America/Los_Angeles", None, "completed", [("H1", 1, "10", "0")]),
    (SEATTLE, "2025-03-20 12:00 America/Los_Angeles", 1, "returned", [("H1", -1, "10", "-1")]),
    (SEATTLE, "2025-03-31 23:59:59.999 America/Los_Angeles", 3, "completed", [("B1", 1, "5.005", "0")]),
    (SEATTLE, "2025-04-01 00:00 America/Los_Angeles", 4, "completed", [("H1", 7, "10", "0")]),
    # Around the midnights of the days on which the clocks change: 23 and 25 hours long.
    (TACOMA, "2025-03-09 07:59:59.999Z", 1, "completed", [("H1", 100, "10", "0")]),
    (TACOMA, "2025-03-09 08:00Z", 1, "completed", [("H1", 1, "10", "0")]),
    (TACOMA, "2025-03-10 06:59:59.999Z", 1, "completed", [("H1", 2, "10", "0")]),
    (TACOMA, "2025-03-10 07:00Z", 1, "completed", [("H1", 200, "10", "0")]),
    (TACOMA, "2025-11-02 06:59:59.999Z", 1, "completed", [("H1", 100, "10", "0")]),
    (TACOMA, "2025-11-02 07:00Z", 1, "completed", [("H1", 3, "10", "0")]),
    (TACOMA, "2025-11-03 07:59:59.999Z", 1, "completed", [("H1", 4, "10", "0")]),
    (TACOMA, "2025-11-03 08:00Z", 1, "completed", [("H1", 200, "10", "0")]),
    (HARBOUR, "2025-03-05 12:00Z", 1, "returned", [("B1", -1, "5", "0")]),
]  # fmt: skip
ADD_ORDER = """
INSERT INTO orders (store_id, order_date, customer_id, status, total_amount)
SELECT $1::uuid, $2::text::timestamptz, c.customer_id, $4, 0
FROM (VALUES (1)) AS one LEFT JOIN customers c ON c.store_id = $1::uuid AND c.reference = $3::text
RETURNING order_id
"""
ADD_LINE = """
INSERT INTO order_items (store_id, order_id, line_no, product_id, quantity, unit_price, discount_amount, total_amount)
SELECT $1::uuid, $2, $3, product_id, $5::integer, $6::numeric, $7::numeric, $5::integer * $6::numeric - $7::numeric
FROM products WHERE sku = $4
"""


async def fill(target: Target) -> None:
    async with admin_connection(target) as connection:
        async with owner_transaction(connection, target):
            await connection.execute(CATALOGUE)
            for name, (role, _) in MANAGERS.items():
                await connection.execute("INSERT INTO managers (name, role) VALUES ($1, $2)", name, role)
            for store, (name, location, manager) in STORES.items():
                await connection.execute(
                    "INSERT INTO stores (store_id, name, location, manager_id)"
                    " SELECT $1, $2, $3, manager_id FROM managers WHERE managers.name = $4",
                    store, name, location, manager,
                )  # fmt: skip
                await connection.execute(
                    "INSERT INTO customers (store_id, reference) SELECT $1, n::text FROM generate_series(1, 4) n", store
                )
            for name, (_, stores) in MANAGERS.items():
                for store in stores:
                    await connection.execute(
                        "INSERT INTO manager_stores SELECT manager_id, $2 FROM managers WHERE name = $1", name, store
                    )
            for store, moment, customer, status, lines in ORDERS:
                order = await connection.fetchval(ADD_ORDER, store, moment, customer and str(customer), status)
                for number, (sku, quantity, price, discount) in enumerate(lines, 1):
                    await connection.execute(
                        ADD_LINE, store, order, number, sku, quantity, Decimal(price), Decimal(discount)
                    )
            await connection.execute(
                "UPDATE orders o SET total_amount = (SELECT sum(i.total_amount) FROM order_items i"
                " WHERE i.store_id = o.store_id AND i.order_id = o.order_id)"
            )
            await connection.execute(named_sql("admin")["record_load"], "seed", "known", "0" * 64, "{}", "{}")
        await register_keys(connection, target)


@pytest.fixture(scope="module")
def known() -> Iterator[Target]:
    """A database whose every order is in ORDERS."""
    target = Target(settings_for(new_profile()))

    async def make() -> None:
        await migrate(target)
        await fill(target)

    asyncio.run(make())
    yield target
    asyncio.run(drop(target))


@pytest.fixture
async def on_known(known: Target) -> AsyncIterator[PostgreSQLProvider]:
    async with opened(known) as provider:
        yield provider


async def ask(
    provider: PostgreSQLProvider, who: str, store: str, period: str, now: datetime | None = None
) -> StorePerformance:
    caller = await provider.identify(who)
    service = SalesAnalyticsService(provider, caller, clock=(lambda: now) if now else None)
    return await service.get_store_performance(store, period)


def compared(figure: Figure) -> tuple[str, ...]:
    """Value, base and change against the previous period and last year, as written."""
    return tuple(str(x) for x in (figure.value, figure.previous.base, figure.previous.change_percent,
                                  figure.last_year.base, figure.last_year.change_percent))  # fmt: skip


@pytest.mark.parametrize("who", ["Sam Seattle", "Rita Region", "Hedda Office"])
async def test_every_figure_is_exactly_that_of_the_stores_own_rows(on_known: PostgreSQLProvider, who: str) -> None:
    metrics = (await ask(on_known, who, SEATTLE, "2025-03")).metrics
    figures = {name: compared(value) for name, value in metrics if isinstance(value, Figure)}
    assert figures == {
        "revenue": ("43.0050", "18.00", "138.92", "10.00", "330.05"),
        "gross_sales": ("52.0050", "18.00", "188.92", "10.00", "420.05"),
        "orders": ("3", "1", "200.00", "1", "200.00"),
        "units": ("6", "2", "200.00", "1", "500.00"),
        "average_order_value": ("17.3350", "18.00", "-3.69", "10.00", "73.35"),
        "gross_margin": ("16.00", "10.00", "60.00", "6.00", "166.67"),
        "gross_margin_percent": ("57.14", "55.56", "2.84", "60.00", "-4.77"),
        "cost_known_percent": ("65.11", "100.00", "-34.89", "100.00", "-34.89"),
        "discount_percent": ("5.45", "10.00", "-45.50", "0.00", "None"),
        "return_percent": ("17.31", "0.00", "None", "0.00", "None"),
        "customers": ("2", "1", "100.00", "1", "100.00"),
        "new_customers": ("1", "1", "0.00", "1", "0.00"),
        "returning_customers": ("1", "0", "None", "0", "None"),
        "orders_without_customer": ("1", "0", "None", "0", "None"),
    }
    assert [
        (p.sku, str(p.revenue), p.units, str(p.share_percent), str(p.previous_revenue)) for p in metrics.top_products
    ] == [
        ("H1", "28.00", 3, "65.11", "18.00"),
        ("B1", "15.0050", 3, "34.89", "0.00"),
    ]
    assert [(c.name, str(c.revenue)) for c in metrics.top_categories] == [("HAND TOOLS", "28.00"), ("PAINT", "15.0050")]
    assert metrics.most_changed_category is not None
    assert metrics.most_changed_category.name == "PAINT"


async def test_the_report_says_what_it_covers_and_rests_on(on_known: PostgreSQLProvider) -> None:
    report = await ask(on_known, "Sam Seattle", "Zava Retail Seattle", "2025-03")
    assert (str(report.store_id), report.store) == (SEATTLE, "Zava Retail Seattle")
    assert report.period.time_zone == "America/Los_Angeles"
    assert (str(report.period.start), str(report.period.end), report.period.until) == ("2025-03-01", "2025-03-31", None)
    assert report.insights[0] == (
        "Revenue was 43.01: up 25.01 (+138.9%) on February 2025 (18.00), up 33.01 (+330.1%) on March 2024 (10.00)."
    )
    assert str(report.last_order) == "2025-04-01"


@pytest.mark.parametrize(("day", "units"), [("2025-03-09", 3), ("2025-11-02", 7)])
async def test_days_on_which_the_clocks_change_end_at_their_own_midnights(
    on_known: PostgreSQLProvider, day: str, units: int
) -> None:
    metrics = (await ask(on_known, "Tom Tacoma", TACOMA, day)).metrics
    assert (metrics.orders.value, metrics.units.value) == (2, units)


async def test_periods_that_overlap_their_comparison_count_everything_in_both(on_known: PostgreSQLProvider) -> None:
    revenue = (await ask(on_known, "Sam Seattle", SEATTLE, "2024-03-01..2025-03-31")).metrics.revenue
    assert (revenue.value, revenue.last_year.base) == (Decimal("71.0050"), Decimal("10.00"))


async def test_a_period_that_is_not_over_is_compared_with_the_same_part_of_the_one_before(
    on_known: PostgreSQLProvider,
) -> None:
    early = await ask(on_known, "Sam Seattle", SEATTLE, "2025-03", datetime(2025, 3, 10, 11, 59))
    late = await ask(on_known, "Sam Seattle", SEATTLE, "2025-03", datetime(2025, 3, 10, 12, 1))
    assert [str(r.metrics.revenue.value) for r in (early, late)] == ["47.00", "47.00"]
    assert [str(r.metrics.revenue.previous.base) for r in (early, late)] == ["0.00", "18.00"]
    assert early.insights[0].startswith("The period is not over: counted up to 2025-03-10 11:59")


async def test_the_server_says_what_today_is(on_known: PostgreSQLProvider) -> None:
    report = await ask(on_known, "Sam Seattle", SEATTLE, "today")
    assert report.period.until is not None
    async with on_known.gateway_reader() as session:
        now = (await session.row("SELECT now() AT TIME ZONE 'America/Los_Angeles' AS now"))["now"]
    assert abs((now - report.period.until).total_seconds()) < 3600


async def test_a_store_without_orders_and_one_with_returns_only_are_described(on_known: PostgreSQLProvider) -> None:
    empty = await ask(on_known, "Emil Empty", "empty", "2025-03")
    assert empty.insights == ["No sales: 0 orders from 2025-03-01 to 2025-03-31.", "The store has never had an order."]
    assert empty.metrics.average_order_value.value is None
    returns = await ask(on_known, "Hanna Harbour", "harbour", "2025-03")
    assert returns.insights[1] == "Returns alone brought revenue to -5.00."
    assert (returns.metrics.top_products, returns.metrics.orders.value) == ([], 0)


@pytest.mark.parametrize(
    ("who", "asked", "found"),
    [
        ("Hedda Office", TACOMA.upper(), TACOMA),
        ("Hedda Office", "zava retail tacoma", TACOMA),
        ("Hedda Office", "Tacoma, WA", TACOMA),
        ("Hedda Office", " seattle ", SEATTLE),
        ("Hedda Office", "outlet", HARBOUR),
        ("Sam Seattle", "zava", SEATTLE),
    ],
)
async def test_a_store_is_found_by_id_name_city_or_a_part_of_its_name(
    on_known: PostgreSQLProvider, who: str, asked: str, found: str
) -> None:
    assert str((await ask(on_known, who, asked, "2025-03")).store_id) == found


async def test_a_name_that_fits_several_stores_lists_only_those_that_one_sees(on_known: PostgreSQLProvider) -> None:
    with pytest.raises(ValidationError) as caught:
        await ask(on_known, "Rita Region", "zava", "2025-03")
    assert caught.value.message == "store: fits 2 stores: Zava Outlet Seattle Harbour, Zava Retail Seattle"


@pytest.mark.parametrize("hidden", [TACOMA, "Zava Retail Tacoma", "tacoma", "Tacoma, WA", "retail t"])
@pytest.mark.parametrize("missing", [NOBODY, "Zava Retail Atlantis", "%"])
async def test_a_store_that_one_may_not_see_is_refused_like_one_that_does_not_exist(
    on_known: PostgreSQLProvider, hidden: str, missing: str
) -> None:
    refusals: list[tuple[object, ...]] = []
    for asked in (hidden, missing):
        with pytest.raises(AuthorizationError) as caught:
            await ask(on_known, "Sam Seattle", asked, "2025-03")
        refusals.append((caught.value.error_code, caught.value.message, caught.value.hint, caught.value.user_id))
    assert refusals[0] == refusals[1]
    assert refusals[0][0] == "AUTHORIZATION_ERROR"


async def test_a_period_that_cannot_be_read_is_refused_before_the_store_is_looked_at(
    on_known: PostgreSQLProvider,
) -> None:
    for store in (SEATTLE, TACOMA):
        with pytest.raises(ValidationError) as caught:
            await ask(on_known, "Sam Seattle", store, "whenever")
        assert caught.value.field == "time_period"


@pytest.mark.parametrize("width", [50, 80, 120])
async def test_the_page_fits_its_width_without_cutting_a_number(
    on_known: PostgreSQLProvider,
    capsysbinary: pytest.CaptureFixture[bytes],
    monkeypatch: pytest.MonkeyPatch,
    width: int,
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    print_report(await ask(on_known, "Sam Seattle", SEATTLE, "2025-03"))
    lines = capsysbinary.readouterr().out.decode().splitlines()
    assert max(map(len, lines)) <= width
    figures = lines[lines.index("") :][: 1 + 2 + 12]
    assert not any("…" in line for line in figures)
    revenue = next(line for line in figures if line.startswith("Revenue"))
    assert revenue.split()[1:] == (
        ["43.01", "▲", "138.9%", "▲", "330.1%"] if width == 50
        else ["43.01", "18.00", "▲", "138.9%", "10.00", "▲", "330.1%"]
    )  # fmt: skip


async def test_a_hostile_product_name_steers_neither_terminal_nor_markdown(
    on_known: PostgreSQLProvider, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    report = await ask(on_known, "Sam Seattle", SEATTLE, "2025-03-31")
    print_report(report)
    assert b"\x1b" not in capsysbinary.readouterr().out
    print_markdown_report(report)
    markdown = capsysbinary.readouterr().out.decode()
    assert "\x1b" not in markdown
    assert "Brush \\| " in markdown
    assert "Brush | " not in markdown
