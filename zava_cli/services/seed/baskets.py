"""What sales hold: products by season, department and popularity, planted companions, quantities and prices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zava_cli.services.seed.catalogue import Catalogue
from zava_cli.services.seed.draw import Floats, Ints, Random, cumulative, generator, pick, tilted
from zava_cli.services.seed.model import SeedModel

NOVEMBER = 10
_REDRAWS = 6


@dataclass(frozen=True)
class Lines:
    """Order lines sorted by sale and number; money in cents. `sale` is an index into the block's sales."""

    sale: Ints
    number: Ints
    product: Ints
    quantity: Ints
    price: Ints
    percent: Ints
    discount: Ints
    total: Ints


class Shelf:
    """The catalogue as tables to draw from; products are numbered as in the catalogue."""

    def __init__(self, catalogue: Catalogue, model: SeedModel, seed: int) -> None:
        self.model = model
        names, seasons = catalogue.categories, catalogue.season_factors
        self.count = len(catalogue.products)
        self.category = np.array([names.index(product.category) for product in catalogue.products])
        self.price = np.array([int(product.price * 100) for product in catalogue.products], dtype=np.float64)
        self.return_rate = np.array([model.returns.rate(product.category) for product in catalogue.products])
        self.by_month: Floats = np.cumsum(seasons, axis=0).T / seasons.sum(axis=0)[:, None]
        self._popular, self._popular_mass = self._popularity(generator(seed, 0), len(names))
        numbers = {product.sku: number for number, product in enumerate(catalogue.products)}
        self._pairs = [(numbers[p.sku], numbers[p.companion_sku], p.probability) for p in catalogue.pairs]

    def lines(self, random: Random, month: Ints, years_ago: Ints, value: float) -> Lines:
        """Lines of sales with their month of the year and years before the last one; `value` is the store's."""
        sale, product = self._products(random, month)
        sale, product = self._with_companions(random, sale, product)
        size = sale.size
        rules = self.model.baskets
        weights = tilted(rules.quantity_values, rules.quantity_weights, value)
        quantity = np.asarray(rules.quantity_values)[pick(random, size, weights)]
        noise = 1 + self.model.prices.noise * (2 * random.random(size) - 1)
        years: Floats = np.arange(0.0, years_ago.max(initial=0) + 1.0)
        level = np.power(self.model.prices.yearly_growth, -years)
        price = np.floor(self.price[product] * level[years_ago[sale]] * noise + 0.5).astype(np.int64)
        percent = self._percent(random, month[sale] == NOVEMBER)
        discount = (quantity * price * percent + 50) // 100
        first = np.searchsorted(sale, sale)
        number = np.arange(size) - first + 1
        return Lines(sale, number, product, quantity, price, percent, discount, quantity * price - discount)

    def _popularity(self, random: Random, categories: int) -> tuple[Ints, Floats]:
        """Products in the order of category and rank, and the mass to draw them by: category + share within."""
        order: list[Ints] = []
        mass: list[Floats] = []
        for category in range(categories):
            members = np.flatnonzero(self.category == category)
            order.append(members[np.argsort(random.random(members.size))])
            ranks = np.arange(1, members.size + 1.0)
            mass.append(category + cumulative(ranks**-self.model.baskets.popularity_exponent))
        return np.concatenate(order), np.concatenate(mass)

    def _categories(self, random: Random, month: Ints) -> Ints:
        return (random.random(month.size)[:, None] >= self.by_month[month, :-1]).sum(axis=1)

    def _of_category(self, random: Random, category: Ints) -> Ints:
        return self._popular[np.searchsorted(self._popular_mass, category + random.random(category.size), side="right")]

    def _products(self, random: Random, month: Ints) -> tuple[Ints, Ints]:
        rules = self.model.baskets
        counts = np.asarray(rules.count_values)[pick(random, month.size, rules.count_weights)]
        sale = np.repeat(np.arange(month.size), counts)
        category = self._categories(random, month)[sale]
        is_first = np.concatenate([[True], sale[1:] != sale[:-1]])
        elsewhere = np.flatnonzero(~is_first & (random.random(sale.size) >= rules.main_category_share))
        category[elsewhere] = self._categories(random, month[sale[elsewhere]])
        product = self._of_category(random, category)
        for _ in range(_REDRAWS):
            again = np.flatnonzero(self._repeated(sale, product))
            if not again.size:
                break
            product[again] = self._of_category(random, category[again])
        kept = ~self._repeated(sale, product)
        return sale[kept], product[kept]

    def _with_companions(self, random: Random, sale: Ints, product: Ints) -> tuple[Ints, Ints]:
        sales, products = [sale], [product]
        for bought, companion, probability in self._pairs:
            buyers = sale[product == bought]
            buyers = buyers[random.random(buyers.size) < probability]
            sales.append(buyers)
            products.append(np.full(buyers.size, companion))
        sale, product = np.concatenate(sales), np.concatenate(products)
        kept = ~self._repeated(sale, product)
        sale, product = sale[kept], product[kept]
        order = np.argsort(sale, kind="stable")
        return sale[order], product[order]

    def _repeated(self, sale: Ints, product: Ints) -> NDArray[np.bool_]:
        """True for lines whose product the same sale has on an earlier line."""
        key = sale * self.count + product
        order = np.argsort(key, kind="stable")
        repeated = np.zeros(key.size, dtype=bool)
        repeated[order[1:]] = key[order[1:]] == key[order[:-1]]
        return repeated

    def _percent(self, random: Random, is_november: NDArray[np.bool_]) -> Ints:
        rules = self.model.discounts
        levels = np.asarray(rules.levels_percent)
        result = np.zeros(is_november.size, dtype=np.int64)
        for season, applies in ((rules.usual, ~is_november), (rules.november, is_november)):
            lines = np.flatnonzero(applies)
            lines = lines[random.random(lines.size) < season.share]
            result[lines] = levels[pick(random, lines.size, season.levels_weights)]
        return result
