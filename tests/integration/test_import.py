"""Importing files of order lines: what arrives, what is rejected, and that nothing arrives by halves."""

from __future__ import annotations

import csv
import lzma
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.conftest import opened
from zava_cli.commands.output.destination import open_output
from zava_cli.data.admin import admin_connection
from zava_cli.data.importing import import_transaction
from zava_cli.data.named_sql import named_sql
from zava_cli.data.target import Target
from zava_cli.infra.errors import ValidationError
from zava_cli.models.importing import ImportReport, ImportRequest
from zava_cli.services.importing.importing import import_file

HEADERS = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
SHOP = HEADERS + (
    "1001,A1,LANTERN,6,2010-12-01 08:26:00,2.55,17850.0,Italy\n"
    "1001,A1,LANTERN,6,2010-12-01 08:26:00,2.55,17850.0,Italy\n"
    "1001,b2,,2,2010-12-01 08:27:00,0.001,17850.0,Italy\n"
    '1002,A1,"LANTERN, RED",1,2010-12-31 23:30:00,0,,Italy\n'
    "C1003,A1,LANTERN,-6,2011-01-01 00:10:00,2.55,17850.0,Italy\n"
    "1004,B2,MUG,-3,2011-01-02 10:00:00,1.5,,Spain\n"
    "1001,A1,LANTERN,1,2011-01-03 10:00:00,3,17850.0,Spain\n"
)

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a CSV file; a later one replaces it."""

    def to_file(text: str) -> Path:
        (tmp_path / "shop.csv").write_text(text, encoding="utf-8")
        return tmp_path / "shop.csv"

    return to_file


async def load(target: Target, file: Path, **options: Any) -> ImportReport:
    request = ImportRequest.model_validate({"rejects": file.parent / "rejected.csv"} | options | {"file": file})
    return await import_file(target, request, open_output)


async def rows(target: Target, sql: str) -> list[tuple[Any, ...]]:
    async with admin_connection(target) as connection:
        await connection.execute("SELECT set_config('TimeZone', (SELECT time_zone FROM ops.settings), false)")
        return [tuple(row) for row in await connection.fetch(sql)]


def text_of(name: str) -> str:
    return Path(name).read_text(encoding="utf-8")


async def everything(target: Target) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table of the database, as text."""
    tables = await rows(
        target, "SELECT schemaname || '.' || tablename FROM pg_tables WHERE schemaname IN ('retail', 'ops', 'security')"
    )
    return {name: await rows(target, f"SELECT t::text FROM {name} t ORDER BY 1") for (name,) in tables}


async def test_returns_duplicates_and_lines_without_customer_all_arrive(fresh_target: Target, write: Write) -> None:
    report = await load(fresh_target, write(SHOP))
    assert (report.lines, report.loaded, report.rejected, report.rejects_file) == (7, 7, 0, None)
    assert (report.stores, report.orders, report.customers, report.products) == (2, 5, 2, 3)
    assert report.sum_loaded == "13.802"
    orders = await rows(
        fresh_target,
        """SELECT s.name, o.reference, o.status, o.order_date::text, trim_scale(o.total_amount)::text, c.reference
           FROM retail.orders o JOIN retail.stores s USING (store_id)
           LEFT JOIN retail.customers c USING (store_id, customer_id) ORDER BY 1, 2""",
    )
    assert orders == [
        ("Italy", "1001", "completed", "2010-12-01 08:26:00-08", "30.602", "17850"),
        ("Italy", "1002", "completed", "2010-12-31 23:30:00-08", "0", None),
        ("Italy", "C1003", "returned", "2011-01-01 00:10:00-08", "-15.3", "17850"),
        ("Spain", "1001", "completed", "2011-01-03 10:00:00-08", "3", "17850"),
        ("Spain", "1004", "returned", "2011-01-02 10:00:00-08", "-4.5", None),
    ]


async def test_products_take_their_most_frequent_name_and_price(fresh_target: Target, write: Write) -> None:
    await load(fresh_target, write(SHOP))
    products = await rows(
        fresh_target,
        """SELECT p.sku, p.name, trim_scale(p.price)::text, p.cost, c.name, t.name FROM retail.products p
           JOIN retail.categories c USING (category_id) JOIN retail.product_types t USING (type_id)
           ORDER BY p.sku COLLATE "C" """,
    )
    assert products == [
        ("A1", "LANTERN", "2.55", None, "UNCATEGORISED", "UNCATEGORISED"),
        ("B2", "MUG", "1.5", None, "UNCATEGORISED", "UNCATEGORISED"),
        ("b2", "b2", "0.001", None, "UNCATEGORISED", "UNCATEGORISED"),
    ]


async def test_category_type_cost_and_discount_are_taken_when_a_column_has_them(
    fresh_target: Target, write: Write
) -> None:
    file = write("order,sku,qty,date,price,cat,kind,cost,rebate\n1,A,2,2020/1/5 8:05 PM,10,Tools,Saws,4.5,0.5\n")
    columns = {"category": "cat", "type": "kind", "discount": "rebate"}
    report = await load(fresh_target, file, columns=columns, store="Corner Shop")
    assert report.sum_loaded == "19.5"
    assert await rows(
        fresh_target,
        """SELECT s.name, c.name, t.name, trim_scale(p.cost)::text, o.order_date::text,
                  trim_scale(i.discount_amount)::text
           FROM retail.order_items i
           JOIN retail.orders o USING (store_id, order_id) JOIN retail.stores s USING (store_id)
           JOIN retail.products p USING (product_id) JOIN retail.categories c USING (category_id)
           JOIN retail.product_types t USING (type_id)""",
    ) == [("Corner Shop", "TOOLS", "SAWS", "4.5", "2020-01-05 20:05:00-08", "0.5")]


async def test_each_new_store_has_a_manager_who_sees_it_alone(fresh_target: Target, write: Write) -> None:
    await load(fresh_target, write(SHOP))
    async with opened(fresh_target) as provider:
        seen: dict[str, int] = {}
        for who in ("italy", "Spain manager", "Head Office"):
            async with provider.reader(await provider.identify(who)) as session:
                seen[who] = (await session.row("SELECT count(*) AS n FROM orders"))["n"]
    assert seen == {"italy": 3, "Spain manager": 2, "Head Office": 5}


async def test_importing_again_changes_nothing(fresh_target: Target, write: Write) -> None:
    file = write(SHOP)
    await load(fresh_target, file)
    before = await everything(fresh_target)
    again = await load(fresh_target, file)
    assert (again.loaded, again.already_there, again.sum_already_there) == (0, 7, "13.802")
    assert (again.stores, again.orders, again.customers, again.products) == (0, 0, 0, 0)
    assert await everything(fresh_target) == before


async def test_an_order_that_has_grown_gets_its_further_lines(fresh_target: Target, write: Write) -> None:
    await load(fresh_target, write(SHOP))
    report = await load(fresh_target, write(SHOP + "1004,B2,MUG,4,2011-01-01 10:00:00,1.5,,Spain\n"))
    assert (report.loaded, report.already_there, report.orders) == (1, 7, 0)
    assert await rows(
        fresh_target,
        "SELECT total_amount, status, order_date::text FROM retail.orders WHERE reference = '1004'",
    ) == [(Decimal("1.5"), "completed", "2011-01-01 10:00:00-08")]


async def test_a_rejected_line_that_was_mended_finds_its_place(fresh_target: Target, write: Write) -> None:
    first = await load(fresh_target, write(SHOP.replace("LANTERN,6,", "LANTERN,six,", 1)), accept_rejects=True)
    second = await load(fresh_target, write(SHOP))
    assert (first.rejected, second.loaded, second.already_there) == (1, 1, 6)
    assert await rows(fresh_target, "SELECT sum(total_amount) FROM retail.orders") == [(Decimal("13.802"),)]


async def test_a_line_that_differs_from_the_one_loaded_before_is_rejected(fresh_target: Target, write: Write) -> None:
    await load(fresh_target, write(SHOP))
    report = await load(fresh_target, write(SHOP.replace("MUG,-3", "MUG,-5")), accept_rejects=True)
    assert (report.loaded, report.already_there, report.rejected) == (0, 6, 1)
    assert report.problems[0].reason == "order 1004 was loaded before with another line 1"


BAD_LINES = {
    "1,A,x,1,2011-01-01,1": "the line has 6 fields instead of 8",
    ",A,x,1,2011-01-01,1,,Italy": "order_id is missing",
    "1, ,x,1,2011-01-01,1,,Italy": "product is missing",
    "1,A,x,1,2011-01-01,1,,": "store is missing",
    "1,A,x,,2011-01-01,1,,Italy": "quantity is missing",
    "1,A,x,1.5,2011-01-01,1,,Italy": "quantity is not a whole number: 1.5",
    "1,A,x,3000000000,2011-01-01,1,,Italy": "quantity is not a whole number: 3000000000",
    "1,A,x,1,2011-02-30,1,,Italy": "order_date is not a date: 2011-02-30",
    "1,A,x,1,now,1,,Italy": "order_date does not begin with the year, and no date order was given: now",
    "1,A,x,1,1/12/2010,1,,Italy": "order_date does not begin with the year, and no date order was given: 1/12/2010",
    "1,A,x,1,2011-01-01,NaN,,Italy": "unit_price is not a number: NaN",
    "1,A,x,1,2011-01-01,£3,,Italy": "unit_price is not a number: £3",
    "1,A,x,1,2011-01-01,1.00001,,Italy": "unit_price has more than ten digits or four decimals: 1.00001",
    "1,A,x,2000000000,2011-01-01,9999999999,,Italy": "quantity x unit_price is too large",
}


async def test_rejected_lines_go_to_a_file_with_number_and_reason(fresh_target: Target, write: Write) -> None:
    report = await load(fresh_target, write(SHOP + "\n".join(BAD_LINES) + "\n"), accept_rejects=True)
    assert (report.loaded, report.rejected) == (7, len(BAD_LINES))
    assert report.rejects_file is not None
    header, *found = csv.reader(text_of(report.rejects_file).splitlines())
    assert header == ["line", "reason", *HEADERS.strip().split(",")]
    assert found == [
        [str(number), reason, *line.split(",")] for number, (line, reason) in enumerate(BAD_LINES.items(), start=9)
    ]


@pytest.mark.parametrize(("order", "day"), [("dmy", "2010-12-01"), ("mdy", "2010-01-12")])
async def test_dates_with_the_year_last_are_read_as_the_user_says(
    fresh_target: Target, write: Write, order: str, day: str
) -> None:
    await load(fresh_target, write(HEADERS + "1,A,x,1,1/12/2010 8:26,1,,Italy\n"), date_order=order)
    assert await rows(fresh_target, "SELECT order_date::date::text FROM retail.orders") == [(day,)]


async def test_too_many_rejected_lines_leave_the_database_and_the_rejects_file_alone(
    fresh_target: Target, write: Write
) -> None:
    before = await everything(fresh_target)
    file = write(SHOP + "1,A,x,one,2011-01-01,1,,Italy\n")
    (file.parent / "rejected.csv").write_text("of yesterday", encoding="utf-8")
    with pytest.raises(ValidationError, match=r"1 of 8 lines would be rejected, the first on line 9 \(quantity"):
        await load(fresh_target, file)
    assert await everything(fresh_target) == before
    assert (file.parent / "rejected.csv").read_text(encoding="utf-8") == "of yesterday"


async def test_a_file_that_breaks_off_leaves_the_database_as_it_was(fresh_target: Target, tmp_path: Path) -> None:
    lines = "".join(f"{n},{n * 7919 % 10007},x,1,2011-01-01,{n % 97},,Italy\n" for n in range(40_000))
    packed = lzma.compress((HEADERS + lines).encode())
    file = tmp_path / "shop.csv.xz"
    file.write_bytes(packed[: len(packed) // 2])
    before = await everything(fresh_target)
    with pytest.raises(ValidationError, match="damaged or incomplete after line"):
        await load(fresh_target, file, time_zone="Europe/London")
    assert await everything(fresh_target) == before


async def test_a_dry_run_says_what_would_happen_and_writes_nothing(fresh_target: Target, write: Write) -> None:
    before = await everything(fresh_target)
    file = write(SHOP + "1,A,x,one,2011-01-01,1,,Italy\n")
    report = await load(fresh_target, file, dry_run=True, time_zone="Europe/London")
    assert (report.loaded, report.rejected, report.stores, report.orders) == (7, 1, 2, 5)
    assert (report.customers, report.products, report.time_zone) == (2, 3, "Europe/London")
    assert [(problem.line, problem.reason) for problem in report.problems] == [
        (9, "quantity is not a whole number: one")
    ]
    assert await everything(fresh_target) == before
    assert list(file.parent.iterdir()) == [file]


async def test_the_time_zone_is_chosen_while_the_database_is_empty(fresh_target: Target, write: Write) -> None:
    file = write(SHOP)
    with pytest.raises(ValidationError, match="knows no such time zone"):
        await load(fresh_target, file, time_zone="Europe/Lodnon")
    await load(fresh_target, file, time_zone="Europe/London")
    assert await rows(fresh_target, "SELECT min(order_date)::text FROM retail.orders") == [("2010-12-01 08:26:00+00",)]
    await load(fresh_target, file, time_zone="Europe/London")
    with pytest.raises(ValidationError, match="holds data in Europe/London already"):
        await load(fresh_target, file, time_zone="Europe/Paris")


async def test_a_store_that_exists_keeps_its_manager(fresh_target: Target, write: Write) -> None:
    await load(fresh_target, write(SHOP))
    managers = await rows(fresh_target, "SELECT name FROM retail.managers ORDER BY name")
    report = await load(fresh_target, write(HEADERS + "2001,A1,LANTERN,1,2012-01-01,2,9,Italy\n"))
    assert (report.stores, report.orders, report.customers, report.products) == (0, 1, 1, 0)
    assert await rows(fresh_target, "SELECT name FROM retail.managers ORDER BY name") == managers


async def test_every_statement_fits_the_schema(fresh_target: Target) -> None:
    async with import_transaction(fresh_target, None, keep=False) as steps:
        connection: asyncpg.Connection = steps._connection  # pyright: ignore[reportPrivateUsage]
        for name, text in named_sql("importing").items():
            assert await connection.prepare(text), name
