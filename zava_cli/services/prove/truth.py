"""Tells foreign rows from one's own, wherever they turn up in an answer."""

from __future__ import annotations

import re
from collections.abc import Sequence

from zava_cli.data.callers import Caller
from zava_cli.data.database import PostgreSQLProvider
from zava_cli.data.prove import foreign_tokens
from zava_cli.models.identity import Identity
from zava_cli.models.prove import Answer
from zava_cli.services.prove.pairs import Pair, Store

UUID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")
ADDRESS = re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+")
NUMBER = re.compile(r"(?<![\w.-])\d+(?![\w-])")
COUNTS = re.compile(r"count\s*\(", re.IGNORECASE)
SMALLEST_TELLING_COUNT = 100
"""Smaller numbers turn up by chance."""


class Detector:
    """Recognises rows of the victims' stores in what came back to an attacker; it asks the witnesses who know."""

    def __init__(self, provider: PostgreSQLProvider, witnesses: Sequence[Caller], pair: Pair) -> None:
        self._provider = provider
        self._witnesses = witnesses
        self._own_ids = [store.store_id for store in pair.own]
        self._foreign_ids = {store.store_id: "store id" for store in pair.foreign}
        self._foreign_ids |= _manager_ids(pair)
        self._texts = _texts(pair)
        self._counts = _counts(pair.own, pair.foreign)
        self._known: dict[str, str | None] = {}

    async def leaks(self, answer: Answer, sql: str = "") -> list[str]:
        """Kinds of foreign values in an answer to `sql`; what the attacker wrote there is no news to them."""
        heard, written = answer.text.lower(), sql.lower()
        found = {kind for name, kind in self._texts.items() if name.search(heard) and not name.search(written)}
        ids = set(UUID.findall(heard)) - set(UUID.findall(written))
        found |= {self._foreign_ids[value] for value in ids if value in self._foreign_ids}
        addresses = set(ADDRESS.findall(heard)) - set(ADDRESS.findall(written))
        await self._look_up(ids - set(self._foreign_ids) - set(self._own_ids), addresses)
        found |= {kind for token in ids | addresses if (kind := self._known.get(token))}
        # Errors hold numbers of their own, such as the place in the query.
        if (
            answer.code is None
            and COUNTS.search(sql)
            and self._counts & (set(NUMBER.findall(heard)) - set(NUMBER.findall(written)))
        ):
            found.add("number of rows")
        return sorted(found)

    async def _look_up(self, ids: set[str], addresses: set[str]) -> None:
        ids, addresses = ids - set(self._known), addresses - set(self._known)
        if not ids and not addresses:
            return
        self._known |= dict.fromkeys(ids | addresses)
        for witness in self._witnesses:
            self._known |= await foreign_tokens(self._provider, witness, list(ids), list(addresses), self._own_ids)


def _manager_ids(pair: Pair) -> dict[str, str]:
    own = str(pair.attacker.identity.manager_id)
    managers = {store.manager_id for store in pair.foreign} | {str(pair.victim.identity.manager_id)}
    return {manager: "manager id" for manager in managers if manager != own}


def _texts(pair: Pair) -> dict[re.Pattern[str], str]:
    """Names that stand for a foreign store or manager and are no part of a name of one's own.

    Single words are left out: a place called Online is also a word of the schema.
    """
    own = " ".join(_names(pair.own, pair.attacker.identity)).lower()
    foreign = {name.lower(): "store name" for store in pair.foreign for name in (store.name, store.location)}
    foreign[pair.victim.identity.name.lower()] = "manager name"
    telling = {name: kind for name, kind in foreign.items() if " " in name and name not in own}
    return {re.compile(rf"\b{re.escape(name)}\b"): kind for name, kind in telling.items()}


def _names(stores: Sequence[Store], identity: Identity) -> list[str]:
    return [identity.name, *(name for store in stores for name in (store.name, store.location))]


def _counts(own: Sequence[Store], foreign: Sequence[Store]) -> set[str]:
    """Numbers of foreign rows, of one store or of all, that are no numbers of one's own."""
    counts: set[int] = set()
    known: set[int] = set()
    for relation in ("customers", "orders", "order_items", "inventory"):
        mine = [store.rows.get(relation, 0) for store in own]
        theirs = [store.rows.get(relation, 0) for store in foreign]
        known |= {*mine, sum(mine)}
        counts |= {*theirs, sum(theirs), sum(mine) + sum(theirs)}
    return {str(count) for count in counts - known if count >= SMALLEST_TELLING_COUNT}
