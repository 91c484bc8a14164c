"""`zava seed` on a real server: all or nothing, once, and data that keeps every promise."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tests.conftest import CUSTOMERS, SEED, UNTIL, opened
from zava_cli.data.admin import admin_connection, owner_transaction
from zava_cli.data.keys import register_keys
from zava_cli.data.named_sql import named_sql
from zava_cli.data.target import Target
from zava_cli.infra.errors import ConfigurationError, ValidationError
from zava_cli.models.seed import SeedReport, SeedRequest
from zava_cli.services.seed.seed import seed_database

SMALL = SeedRequest(seed=7, until=date(2022, 3, 1), customers=200)

TABLES = (
    "managers", "stores", "manager_stores", "categories", "product_types", "products",
    "customers", "orders", "order_items", "inventory",
)  # fmt: skip

SEED_IN_A_PROCESS = """
import asyncio, sys
from zava_cli.data.target import Target
from zava_cli.infra.setting_sources import load_settings
from zava_cli.models.seed import SeedRequest
from zava_cli.services.seed.seed import seed_database

def show(*progress):
    print(progress, flush=True)

target = Target(load_settings({"profile": sys.argv[1]}).settings)
asyncio.run(seed_database(target, SeedRequest(until="2026-06-30", customers=20_000), show))
"""


async def value(target: Target, sql: str, *arguments: Any) -> Any:
    """One value, read as the data's owner in the business time zone."""
    async with admin_connection(target) as connection, owner_transaction(connection, target):
        return await connection.fetchval(sql, *arguments)


async def rows_per_table(target: Target) -> dict[str, int]:
    return {table: await value(target, f"SELECT count(*) FROM retail.{table}") for table in TABLES}


async def test_the_report_and_the_audit_trail_say_what_was_written(fresh_target: Target) -> None:
    report = await seed_database(fresh_target, SMALL)
    assert report.seeded
    assert report.row_counts == await rows_per_table(fresh_target)
    recorded = await value(
        fresh_target,
        "SELECT row(kind, source, content_hash, parameters->>'seed', parameters->>'until', parameters->>'customers')"
        " FROM ops.load_runs",
    )
    assert tuple(recorded) == ("seed", "generator", report.content_hash, "7", "2022-03-01", "200")


async def test_the_same_seed_gives_the_same_data_and_another_one_does_not(fresh_target: Target) -> None:
    async def seeded(seed: int) -> tuple[str | None, str]:
        report = await seed_database(fresh_target, SMALL.model_copy(update={"seed": seed, "reset": True}))
        stored = "SELECT md5(string_agg(i::text, '' ORDER BY store_id, order_id, line_no)) FROM retail.order_items i"
        columns = stored.replace("i::text", "concat(store_id, order_id, line_no, product_id, quantity, total_amount)")
        return report.content_hash, await value(fresh_target, columns)

    first, again, other = await seeded(7), await seeded(7), await seeded(8)
    assert first == again
    assert first[0] != other[0] and first[1] != other[1]


async def test_a_second_seed_is_refused_and_changes_nothing(fresh_target: Target) -> None:
    await seed_database(fresh_target, SMALL)
    before = await rows_per_table(fresh_target)
    with pytest.raises(ConfigurationError, match="holds data already") as refusal:
        await seed_database(fresh_target, SMALL.model_copy(update={"seed": 8}))
    assert "--if-empty" in str(refusal.value.hint)
    assert await rows_per_table(fresh_target) == before


async def test_if_empty_does_nothing_and_tells_what_is_there(fresh_target: Target) -> None:
    first = await seed_database(fresh_target, SMALL)
    second = await seed_database(fresh_target, SMALL.model_copy(update={"seed": 8, "if_empty": True}))
    assert not second.seeded
    assert (second.seed, second.until, second.content_hash) == (7, SMALL.until, first.content_hash)
    assert await value(fresh_target, "SELECT count(*) FROM ops.load_runs") == 1


async def test_two_seeds_at_once_leave_one_data_set(fresh_target: Target) -> None:
    request = SMALL.model_copy(update={"if_empty": True})
    reports = await asyncio.gather(seed_database(fresh_target, request), seed_database(fresh_target, request))
    assert sorted(report.seeded for report in reports) == [False, True]


async def test_reset_replaces_what_was_seeded(fresh_target: Target) -> None:
    await seed_database(fresh_target, SMALL)
    report = await seed_database(fresh_target, SMALL.model_copy(update={"customers": 150, "reset": True}))
    assert report.row_counts == await rows_per_table(fresh_target)


async def test_reset_takes_the_keys_of_managers_who_are_gone(fresh_target: Target) -> None:
    await seed_database(fresh_target, SMALL)
    async with admin_connection(fresh_target) as connection:
        async with owner_transaction(connection, fresh_target):
            await connection.execute("INSERT INTO retail.managers (name, role) VALUES ('Gone Soon', 'head_office')")
        await register_keys(connection, fresh_target)
        await seed_database(fresh_target, SMALL.model_copy(update={"reset": True}))
        keys = await connection.fetchval("SELECT count(*) FROM security.manager_keys")
    assert keys == (await rows_per_table(fresh_target))["managers"]


async def test_reset_refuses_a_database_that_holds_imported_data(fresh_target: Target) -> None:
    await seed_database(fresh_target, SMALL)
    before = await rows_per_table(fresh_target)
    async with admin_connection(fresh_target) as connection, owner_transaction(connection, fresh_target):
        await connection.execute(named_sql("admin")["record_load"], "import", "sales.csv", "hash", "{}", "{}")
    with pytest.raises(ConfigurationError, match="imported data"):
        await seed_database(fresh_target, SMALL.model_copy(update={"reset": True}))
    assert await rows_per_table(fresh_target) == before


async def test_a_seed_that_is_killed_leaves_nothing_and_can_be_repeated(fresh_target: Target) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SEED_IN_A_PROCESS, fresh_target.settings.profile, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    # By then the first block of orders is in the tables.
    assert await process.stdout.readline()
    process.kill()
    assert await process.wait() == -9
    assert set((await rows_per_table(fresh_target)).values()) == {0}
    assert await value(fresh_target, "SELECT count(*) FROM ops.load_runs") == 0
    assert (await seed_database(fresh_target, SMALL)).seeded


async def test_a_cancelled_seed_leaves_nothing(fresh_target: Target) -> None:
    started = asyncio.Event()
    request = SeedRequest(until=date(2026, 6, 30), customers=20_000)
    task = asyncio.create_task(seed_database(fresh_target, request, lambda *_: started.set()))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert set((await rows_per_table(fresh_target)).values()) == {0}


async def test_an_end_in_the_future_is_refused(fresh_target: Target) -> None:
    tomorrow = datetime.now(UTC).date() + timedelta(days=2)
    with pytest.raises(ValidationError, match="future"):
        await seed_database(fresh_target, SeedRequest(until=tomorrow, customers=100))


async def test_every_manager_can_ask_right_after_the_seed(fresh_target: Target) -> None:
    await seed_database(fresh_target, SMALL)
    async with opened(fresh_target) as provider, provider.reader(await provider.identify("spokane")) as session:
        assert (await session.row("SELECT count(DISTINCT store_id) AS stores FROM orders"))["stores"] == 1


PROMISES = {
    "order totals are the exact sums of their lines": """
        SELECT count(*) FROM retail.orders o WHERE total_amount IS DISTINCT FROM
            (SELECT sum(i.total_amount) FROM retail.order_items i
             WHERE i.store_id = o.store_id AND i.order_id = o.order_id)""",
    "line totals are exact and discounts are rounded to cents": """
        SELECT count(*) FROM retail.order_items WHERE total_amount <> quantity * unit_price - discount_amount
            OR discount_amount <> round(quantity * unit_price * discount_percent / 100, 2)""",
    "lines are numbered from one without gaps": """
        SELECT count(*) FROM (SELECT max(line_no) <> count(*) AS bad FROM retail.order_items
                              GROUP BY store_id, order_id) AS numbered WHERE bad""",
    "no order has a product on two lines": """
        SELECT count(*) FROM (SELECT FROM retail.order_items GROUP BY store_id, order_id, product_id
                              HAVING count(*) > 1) AS repeated""",
    "no order is dated on the last day or later": f"""
        SELECT count(*) FROM retail.orders WHERE order_date >= '{UNTIL} 00:00'""",
    "no order comes before its customer": """
        SELECT count(*) FROM retail.orders o JOIN retail.customers c USING (store_id, customer_id)
        WHERE o.order_date < c.created_at""",
    "every order has a customer of its store": """
        SELECT count(*) FROM retail.orders WHERE customer_id IS NULL""",
    "returns have negative quantities and sales positive ones": """
        SELECT count(*) FROM retail.order_items i JOIN retail.orders o USING (store_id, order_id)
        WHERE (i.quantity < 0) <> (o.status = 'returned') OR i.quantity = 0""",
    "a return mirrors lines that the customer bought at most 30 days before": """
        SELECT count(*) FROM retail.order_items i JOIN retail.orders o USING (store_id, order_id)
        WHERE i.quantity < 0 AND NOT EXISTS (
            SELECT FROM retail.order_items b JOIN retail.orders s USING (store_id, order_id)
            WHERE s.store_id = o.store_id AND s.customer_id = o.customer_id AND b.product_id = i.product_id
              AND b.total_amount = -i.total_amount AND b.unit_price = i.unit_price
              AND o.order_date::date - s.order_date::date BETWEEN 1 AND 30)""",
    "e-mail addresses are unique within a store and plain": """
        SELECT count(*) - count(DISTINCT (store_id, email)) + count(*) FILTER (WHERE email !~ '^[a-z]+[.][a-z0-9]+@')
        FROM retail.customers""",
    "no foreign key is left unchecked": """
        SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND NOT convalidated""",
}


@pytest.mark.parametrize("promise", PROMISES)
async def test_the_data_keeps_its_promises(target: Target, promise: str) -> None:
    assert await value(target, PROMISES[promise]) == 0


async def test_names_look_real_with_apostrophes_and_accents(target: Target) -> None:
    assert await value(target, "SELECT count(*) FROM retail.customers WHERE last_name LIKE '%''%'") > 0
    assert await value(target, "SELECT count(*) FROM retail.customers WHERE first_name ~ '[^ -~]'") > 0


async def test_the_template_was_made_with_the_pinned_seed(target: Target) -> None:
    parameters = await value(target, "SELECT parameters::text FROM ops.load_runs WHERE kind = 'seed'")
    assert f'"seed": {SEED}' in parameters and UNTIL in parameters and f'"customers": {CUSTOMERS}' in parameters


async def test_the_report_of_a_seed_travels_as_json(fresh_target: Target) -> None:
    report = await seed_database(fresh_target, SMALL)
    assert SeedReport.model_validate_json(report.model_dump_json()) == report
