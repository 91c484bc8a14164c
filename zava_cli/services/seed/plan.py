"""What a data set is made from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from zava_cli.infra.errors import ValidationError
from zava_cli.models.seed import SeedRequest
from zava_cli.services.seed.catalogue import Catalogue, load_catalogue
from zava_cli.services.seed.draw import apportion
from zava_cli.services.seed.model import SeedModel, load_model

SHORTEST_DAYS = 365


@dataclass(frozen=True)
class Plan:
    """What a data set is made from; equal plans make equal data."""

    catalogue: Catalogue
    model: SeedModel
    seed: int
    until: date
    customers: int
    zone: ZoneInfo

    @property
    def customers_per_store(self) -> list[int]:
        """Customers of each store, by weight."""
        return apportion(self.customers, [store.weight for store in self.catalogue.stores])

    @property
    def sales_per_store(self) -> list[float]:
        """Expected sales of each store: its customers order by its frequency."""
        customers = self.customers_per_store
        relative = [n * store.frequency for n, store in zip(customers, self.catalogue.stores, strict=True)]
        total = self.customers * self.model.volume.orders_per_customer
        return [total * share / sum(relative) for share in relative]


def make_plan(request: SeedRequest, time_zone: str, today: date) -> Plan:
    """The plan for a request; ValidationError for an `until` after `today` or less than a year after the start."""
    model = load_model()
    until = request.until or today
    if until > today:
        raise ValidationError(
            "until", until, f"{until} is in the future; today is {today} in {time_zone}",
            hint="No order is ever dated in the future.",
        )  # fmt: skip
    if (until - model.time.start).days < SHORTEST_DAYS:
        raise ValidationError(
            "until", until, f"{until} leaves less than a year of data", hint=f"The data starts on {model.time.start}."
        )
    customers = request.customers or round(model.volume.customers * (request.scale or 1))
    return Plan(load_catalogue(), model, request.seed, until, customers, ZoneInfo(time_zone))
