"""Who attacks whom, and who knows the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from zava_cli.data.callers import Caller
from zava_cli.data.database import PostgreSQLProvider
from zava_cli.data.prove import stores_of, totals_of
from zava_cli.infra.errors import AuthorizationError, ConfigurationError
from zava_cli.models.identity import ManagerRole

HEAD_OFFICE = "head office"


@dataclass(frozen=True)
class Store:
    """One store as those who may see it know it, with its numbers of rows by table."""

    store_id: str
    name: str
    location: str
    manager_id: str
    rows: dict[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True)
class Pair:
    """One manager who attacks another one, whose stores are not theirs."""

    attacker: Caller
    victim: Caller
    own: tuple[Store, ...]
    foreign: tuple[Store, ...]

    @property
    def kinds(self) -> str:
        """Roles of both, without names."""
        return f"{spoken(self.attacker)} against {spoken(self.victim)}"


@dataclass(frozen=True)
class Cast:
    """Everybody who takes part. What the witnesses see together is the truth."""

    witnesses: tuple[Caller, ...]
    pairs: tuple[Pair, ...]


def spoken(caller: Caller) -> str:
    """A manager's role in words."""
    return caller.identity.role.value.replace("_", " ")


async def choose(provider: PostgreSQLProvider, who: str | None, further: Sequence[str], most: int) -> Cast:
    """The first attacker is `who`, unless that is head office; every kind of manager found comes before a second one.

    AuthorizationError for a name that is nobody's; ConfigurationError when there is no pair with different stores.
    """
    names = [who, *further] if who else [*further]
    named = [await provider.identify(name) for name in names]
    head_office = await _head_office(provider, named)
    witnesses = (head_office,) if head_office else tuple(named)
    stores: dict[str, Store] = {}
    for witness in witnesses:
        stores |= await _stores(provider, witness)
    managers = {str(caller.identity.manager_id): caller for caller in named}
    for store in stores.values():
        if store.manager_id not in managers:
            managers[store.manager_id] = await provider.identify(store.manager_id)
    callers = [caller for caller in managers.values() if caller.identity.role is not ManagerRole.HEAD_OFFICE]
    found = [_pair(attacker, callers, list(stores.values()), head_office) for attacker in callers]
    pairs = [pair for pair in found if pair is not None]
    if not pairs:
        raise ConfigurationError(
            "There are no two managers with different stores that hold orders.",
            hint="Run it where the key of head office is, or name the managers: --manager NAME --manager NAME.",
        )
    return Cast(witnesses, tuple(_varied(pairs)[:most]))


async def _head_office(provider: PostgreSQLProvider, named: list[Caller]) -> Caller | None:
    for caller in named:
        if caller.identity.role is ManagerRole.HEAD_OFFICE:
            return caller
    try:
        return await provider.identify(HEAD_OFFICE)
    except AuthorizationError:
        return None


async def _stores(provider: PostgreSQLProvider, witness: Caller) -> dict[str, Store]:
    stores = {row["store_id"]: Store(**row) for row in await stores_of(provider, witness)}
    for row in await totals_of(provider, witness):
        stores[row["store_id"]].rows[row["relation"]] = row["n"]
    return stores


def _pair(attacker: Caller, callers: list[Caller], stores: list[Store], head_office: Caller | None) -> Pair | None:
    """The attacker with a manager of somebody else's store; None when no foreign store holds orders."""
    own = tuple(store for store in stores if store.name in attacker.identity.stores)
    foreign = tuple(store for store in stores if store not in own)
    theirs = {store.manager_id for store in foreign if store.rows.get("orders")}
    victims = [caller for caller in callers if str(caller.identity.manager_id) in theirs and caller is not attacker]
    victim = victims[0] if victims else head_office
    if victim is None or not theirs or not any(store.rows.get("orders") for store in own):
        return None
    return Pair(attacker, victim, own, foreign)


def _varied(pairs: list[Pair]) -> list[Pair]:
    """The first of every kind, then the others."""
    first = {pair.attacker.identity.role: pair for pair in reversed(pairs)}
    kinds = sorted(first.values(), key=pairs.index)
    return kinds + [pair for pair in pairs if pair not in kinds]
