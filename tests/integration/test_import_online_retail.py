"""Importing the transactions of a real shop, with figures that were computed independently."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tests.integration.test_import import load, rows
from zava_cli.data.target import Target

ONLINE_RETAIL = Path(__file__).parents[3] / "shared/data/online-retail/online-retail.csv.xz"


@pytest.mark.skipif(not ONLINE_RETAIL.is_file(), reason="needs ../shared/data/online-retail/online-retail.csv.xz")
async def test_a_real_shop_arrives_to_the_penny_and_only_once(fresh_target: Target, tmp_path: Path) -> None:
    report = await load(fresh_target, ONLINE_RETAIL, rejects=tmp_path / "rejected.csv", time_zone="Europe/London")
    assert (report.lines, report.loaded, report.rejected) == (541_909, 541_909, 0)
    assert (report.stores, report.orders, report.customers, report.products) == (38, 25_900, 4_380, 4_070)
    assert Decimal(report.sum_loaded) == Decimal("9747747.934")
    await _figures_are_those_of_the_readme(fresh_target)
    again = await load(fresh_target, ONLINE_RETAIL, rejects=tmp_path / "rejected.csv")
    assert (again.loaded, again.already_there, again.rejected, again.orders) == (0, 541_909, 0, 0)


async def _figures_are_those_of_the_readme(target: Target) -> None:
    countries = dict(
        await rows(
            target,
            "SELECT s.name, sum(o.total_amount) FROM retail.orders o JOIN retail.stores s USING (store_id) GROUP BY 1",
        )
    )
    assert countries["United Kingdom"] == Decimal("8187806.364")
    assert countries["Netherlands"] == Decimal("284661.540")
    assert countries["EIRE"] == Decimal("263276.820")
    assert countries["Germany"] == Decimal("221698.210")
    assert countries["France"] == Decimal("197403.900")
    months = dict(
        await rows(target, "SELECT to_char(order_date, 'YYYY-MM'), sum(total_amount) FROM retail.orders GROUP BY 1")
    )
    assert months["2010-12"] == Decimal("748957.020")
    assert months["2011-09"] == Decimal("1019687.622")
    assert months["2011-11"] == Decimal("1461756.250")
    assert months["2011-12"] == Decimal("433668.010")
    (lines,) = await rows(
        target,
        """SELECT count(*) FILTER (WHERE o.reference LIKE 'C%' AND o.status = 'returned'),
                  count(*) FILTER (WHERE o.reference NOT LIKE 'C%' AND i.quantity < 0 AND o.status = 'returned'),
                  count(*) FILTER (WHERE i.unit_price = 0), count(*) FILTER (WHERE o.customer_id IS NULL)
           FROM retail.order_items i JOIN retail.orders o USING (store_id, order_id)""",
    )
    assert lines == (9_288, 1_336, 2_515, 135_080)
