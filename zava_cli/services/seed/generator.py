"""Generates a data set in blocks that are ready to be loaded, so that memory stays bounded at any size."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from zava_cli.data.seed import Rows, encoded
from zava_cli.services.seed.baskets import Lines, Shelf
from zava_cli.services.seed.catalogue import Store
from zava_cli.services.seed.customers import Purchases, purchases
from zava_cli.services.seed.draw import Floats, Ints, Random, between, generator, pick, uuid7
from zava_cli.services.seed.plan import Plan
from zava_cli.services.seed.timeline import Timeline

SALES_PER_BLOCK = 20_000
COMPLETED, PENDING, RETURNED = 0, 1, 2
_SIGN_UP_MICROSECONDS = 300_000_000


def generate(plan: Plan) -> Iterator[list[Rows]]:
    """Blocks of rows, each in an order that satisfies every foreign key, store by store and by time."""
    timeline = Timeline.build(plan)
    shelf = Shelf(plan.catalogue, plan.model, plan.seed)
    for number, store in enumerate(plan.catalogue.stores):
        yield from _StoreData(plan, timeline, shelf, store, number).blocks()


class _StoreData:
    """One store's part of the data; draws from a stream of its own."""

    def __init__(self, plan: Plan, timeline: Timeline, shelf: Shelf, store: Store, number: int) -> None:
        self.plan, self.model, self.timeline, self.shelf, self.store = plan, plan.model, timeline, shelf, store
        self.random: Random = generator(plan.seed, 1, number)
        self.key = np.frombuffer(store.key.bytes, dtype=np.uint8)
        self.product_keys = np.array([list(product.key.bytes) for product in plan.catalogue.products], dtype=np.uint8)
        self.hours = self.model.time.online_hours if store.is_online else self.model.time.shop_hours
        self.customers = plan.customers_per_store[number]
        self.sales = plan.sales_per_store[number]
        self.recent_units = np.zeros(shelf.count)

    def blocks(self) -> Iterator[list[Rows]]:
        """The store's customers with their first sales, further sales, and the inventory with the last ones."""
        bought = purchases(self.random, self.model, self.timeline, self.customers, self.sales, self.hours)
        customers, self.customer_keys = self._customer_rows(bought)
        block = [customers]
        for start in range(0, bought.day.size, SALES_PER_BLOCK):
            part = slice(start, start + SALES_PER_BLOCK)
            block += self._sales_rows(bought.customer[part], bought.day[part], bought.second[part])
            if part.stop >= bought.day.size:
                block.append(self._inventory_rows())
            yield block
            block = []

    def _stores(self, count: int) -> NDArray[np.uint8]:
        return np.broadcast_to(self.key, (count, 16))

    def _customer_rows(self, bought: Purchases) -> tuple[Rows, NDArray[np.uint8]]:
        count, names = self.customers, self.plan.catalogue
        order = np.lexsort((bought.joined_second, bought.joined_day))
        number = np.empty(count, dtype=np.int64)
        number[order] = np.arange(1, count + 1)
        before = (self.random.random(count) * _SIGN_UP_MICROSECONDS).astype(np.int64)
        joined = self.timeline.utc(bought.joined_day, bought.joined_second) - before
        keys = uuid7(self.random, joined)
        columns: dict[str, NDArray[np.generic]] = {
            "store_id": self._stores(count),
            "customer_id": keys[order],
            "first_name": pick(self.random, count, np.ones(len(names.first_names))) + 1,
            "last_name": pick(self.random, count, np.ones(len(names.last_names))) + 1,
            "number": number[order],
            "created_at": joined[order],
        }
        return encoded("customers", columns), keys

    def _sales_rows(self, customer: Ints, day: Ints, second: Ints) -> list[Rows]:
        month = self.timeline.month_of_year[day]
        years_ago = self.timeline.year[self.timeline.elapsed - 1] - self.timeline.year[day]
        lines = self.shelf.lines(self.random, month, years_ago, self.store.value)
        recent = lines.sale[day[lines.sale] >= self.timeline.elapsed - self.model.inventory.velocity_days].size
        sold = slice(lines.sale.size - recent, None)
        self.recent_units += np.bincount(lines.product[sold], lines.quantity[sold], self.shelf.count)
        is_recent = day >= self.timeline.elapsed - self.model.status.pending_days
        pending = is_recent & (self.random.random(day.size) < self.model.status.pending_share)
        status = np.where(pending, PENDING, COMPLETED)
        keys, orders = self._orders(customer, day, second, _totals(lines, day.size), status)
        rows = [encoded("orders", orders), encoded("order_items", self._items(keys, lines, 1))]
        return rows + self._return_rows(customer, day, pending, lines)

    def _orders(
        self, customer: Ints, day: Ints, second: Ints, total: Ints, status: Ints
    ) -> tuple[NDArray[np.uint8], dict[str, NDArray[np.generic]]]:
        moment = self.timeline.utc(day, second)
        keys = uuid7(self.random, moment)
        return keys, {
            "store_id": self._stores(day.size),
            "order_id": keys,
            "customer_id": self.customer_keys[customer],
            "order_date": moment,
            "total_amount": total,
            "status": status,
        }

    def _items(self, keys: NDArray[np.uint8], lines: Lines, sign: int) -> dict[str, NDArray[np.generic]]:
        return {
            "store_id": self._stores(lines.sale.size),
            "order_id": keys[lines.sale],
            "line_no": lines.number,
            "product_id": self.product_keys[lines.product],
            "quantity": sign * lines.quantity,
            "unit_price": lines.price,
            "discount_percent": lines.percent,
            "discount_amount": sign * lines.discount,
            "total_amount": sign * lines.total,
        }

    def _return_rows(self, customer: Ints, day: Ints, pending: NDArray[np.bool_], lines: Lines) -> list[Rows]:
        back = day + between(self.random, day.size, self.model.returns.days)
        comes_back = self.random.random(lines.sale.size) < self.shelf.return_rate[lines.product]
        comes_back &= (back < self.timeline.elapsed)[lines.sale] & ~pending[lines.sale]
        sales, renumbered = np.unique(lines.sale[comes_back], return_inverse=True)
        # Rows go in by time, like the sales.
        order = np.argsort(back[sales], kind="stable")
        place = np.empty_like(order)
        place[order] = np.arange(order.size)
        sale = place[renumbered]
        sorting = np.argsort(sale, kind="stable")
        chosen = np.flatnonzero(comes_back)[sorting]
        sale, sales = sale[sorting], sales[order]
        returned = Lines(
            sale, np.arange(sale.size) - np.searchsorted(sale, sale) + 1, lines.product[chosen],
            lines.quantity[chosen], lines.price[chosen], lines.percent[chosen], lines.discount[chosen],
            lines.total[chosen],
        )  # fmt: skip
        second = between(self.random, sales.size, (self.hours[0] * 3600, self.hours[1] * 3600 - 1))
        totals = -_totals(returned, sales.size)
        status = np.full(sales.size, RETURNED)
        keys, orders = self._orders(customer[sales], back[sales], second, totals, status)
        return [encoded("orders", orders), encoded("order_items", self._items(keys, returned, -1))]

    def _inventory_rows(self) -> Rows:
        rules, count = self.model.inventory, self.shelf.count
        velocity: Floats = self.recent_units / rules.velocity_days
        cover = between(self.random, count, rules.cover_days)
        stock = np.maximum(np.rint(velocity * cover), rules.minimum).astype(np.int64)
        without = round(rules.stockouts(self.store.name) * count)
        stock[np.argsort(self.random.random(count))[:without]] = 0
        columns: dict[str, NDArray[np.generic]] = {
            "store_id": self._stores(count),
            "product_id": self.product_keys,
            "stock_level": stock,
            "reorder_point": np.maximum(np.ceil(velocity * rules.reorder_days), rules.minimum).astype(np.int64),
            "updated_at": np.full(count, self.timeline.until),
        }
        return encoded("inventory", columns)


def _totals(lines: Lines, count: int) -> Ints:
    """Exact sums of the lines of each sale, in cents."""
    sums = np.zeros(count, dtype=np.int64)
    np.add.at(sums, lines.sale, lines.total)
    return sums
