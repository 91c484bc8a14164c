"""Reads the catalogue that comes with zava: products, planted pairs, seasons, stores, managers and names."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from uuid import NAMESPACE_DNS, UUID, uuid5

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

NAMESPACE = uuid5(NAMESPACE_DNS, "zava.example")
"""Keys of the catalogue are UUIDs (version 5) in this namespace, the same in every seeded database."""

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


class Product(BaseModel):
    """One article; cost and price in the stores' currency."""

    sku: str
    name: str
    category: str
    product_type: str
    cost: Decimal = Field(gt=0)
    price: Decimal = Field(gt=0)
    description: str

    @property
    def key(self) -> UUID:
        """Its product_id."""
        return key("product", self.sku)


class Pair(BaseModel):
    """A planted effect: of the orders with `sku`, this share gets `companion_sku` as well."""

    sku: str
    companion_sku: str
    probability: float = Field(gt=0, le=1)
    reason: str


class Store(BaseModel):
    """A store with its relative number of customers, orders per customer and order value, and its manager."""

    name: str
    location: str
    is_online: bool
    weight: float = Field(gt=0)
    frequency: float = Field(gt=0)
    value: float = Field(gt=0)
    manager_id: UUID
    manager_name: str
    manager_email: str

    @property
    def key(self) -> UUID:
        """Its store_id."""
        return key("store", self.name)


class Manager(BaseModel):
    """A regional manager or head office; `stores` are names separated by semicolons, empty for head office."""

    manager_id: UUID
    name: str
    email: str
    role: str
    stores: str

    @property
    def store_names(self) -> list[str]:
        """Names of the stores that this manager sees; head office needs none."""
        return [name for name in self.stores.split(";") if name]


@dataclass(frozen=True)
class Catalogue:
    """Everything that is the same in every seeded database. `seasons` has twelve factors per category."""

    products: list[Product]
    pairs: list[Pair]
    seasons: dict[str, list[float]]
    stores: list[Store]
    managers: list[Manager]
    first_names: list[str]
    last_names: list[str]

    @property
    def categories(self) -> list[str]:
        """Category names in the order of their seasons."""
        return list(self.seasons)

    @property
    def season_factors(self) -> NDArray[np.float64]:
        """The seasons with a row per category and a column per month."""
        return np.array(list(self.seasons.values()))


def key(kind: str, name: str) -> UUID:
    """The key of a thing of the catalogue."""
    return uuid5(NAMESPACE, f"{kind}:{name}")


@cache
def load_catalogue() -> Catalogue:
    """Reads sample_data; pydantic's error names a row that cannot be used."""
    names = _rows("names")
    return Catalogue(
        products=[Product.model_validate(row) for row in _rows("products")],
        pairs=[Pair.model_validate(row) for row in _rows("pairs")],
        seasons={row["category"]: [float(row[month]) for month in MONTHS] for row in _rows("categories")},
        stores=[Store.model_validate(row) for row in _rows("stores")],
        managers=[Manager.model_validate(row) for row in _rows("managers")],
        first_names=[row["name"] for row in names if row["kind"] == "first"],
        last_names=[row["name"] for row in names if row["kind"] == "last"],
    )


def sample_data() -> Traversable:
    """The folder of sample data: inside the installed package, or beside it in a checkout."""
    packaged = files("zava_cli").joinpath("sample_data")
    return packaged if packaged.is_dir() else Path(str(files("zava_cli"))).parent / "sample_data"


def _rows(name: str) -> list[dict[str, str]]:
    text = sample_data().joinpath(f"{name}.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(io.StringIO(text, newline="")))
