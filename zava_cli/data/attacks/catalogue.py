"""Every attack by name, made from the forms and statements beside this file."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from zava_cli.models.prove import Wall

SECRET = "(SELECT string_agg(DISTINCT store_id::text, ',') FROM {table})"
PAYLOAD = "count(*) AS n, string_agg(DISTINCT store_id::text, ',') AS stores, max({value}) AS example"
NEUTRAL = "lower('x')"
PLAIN = "plain"
WITH_STORES = ("customers", "orders", "order_items", "inventory", "stores")
SELECT_SECRET = f"SELECT {SECRET}"


@dataclass(frozen=True)
class Attack:
    """One attack; `{…}` in its SQL stands for what differs by database.

    `first` goes before it in the same transaction. `control` lets head office see foreign rows the same way, so
    that one knows that they would be noticed.
    `expects_refusal`: the server must not carry it out; otherwise no foreign row may come back.
    """

    name: str
    wall: Wall
    sql: str
    control: str
    expects_refusal: bool = False
    guard_refuses: bool = True
    behind: bool = True
    several: bool = False
    first: str = ""

    @property
    def shown(self) -> str:
        """All of its SQL."""
        return f"{self.first}; {self.sql}" if self.first else self.sql

    @property
    def exportable(self) -> bool:
        """Whether it is a statement that an export can hold."""
        return not self.several and not self.first and self.sql.startswith(("SELECT", "WITH", "VALUES", "TABLE"))


def filled(sql: str, values: Mapping[str, str]) -> str:
    """The SQL with its placeholders replaced; other braces stay."""
    for name, value in {"payload": PAYLOAD, "secret": SECRET, **values}.items():
        sql = sql.replace("{" + name + "}", value)
    return sql


@cache
def forms() -> dict[str, Any]:
    """The tables of forms.toml."""
    return _read("forms")


def form_sql(form: str, name: str, value: str, *, spelling: str = "set_config", session: bool = False) -> str:
    """A form that sets `name` to `value`."""
    call = f"{spelling}('{name}', '{value}', {'false' if session else 'true'})"
    return filled(forms()["forms"][form], {"set": call, "quoted": call.replace("'", "''")})


@cache
def set_config_attacks() -> list[Attack]:
    """Every form with every setting, and some forms in every spelling."""
    attacks = [
        _set_config(form, setting, session=session)
        for form in forms()["forms"]
        for setting, what in forms()["settings"].items()
        for session in ([False, True] if what.get("session") else [False])
    ]
    return attacks + [
        _set_config(form, setting, spelling=spelling)
        for spelling in forms()["spellings"]
        if spelling != PLAIN
        for form in ("materialised CTE", "FROM", "scalar sub-query")
        for setting in ("a forged context", "the login's role")
    ]


@cache
def set_attacks() -> list[Attack]:
    """Every form behind a SET of every setting: several statements, which need no function."""
    return [
        Attack(
            name=f"SET {setting}: {form}",
            wall=_wall_of(setting),
            sql=_neutral(form),
            control=_neutral(form),
            first=f"SET LOCAL {what['name']} = '{what['value']}'",
        )
        for form in forms()["forms"]
        for setting, what in forms()["settings"].items()
        if what["name"] != "transaction_read_only"
    ]


@cache
def reads() -> list[Attack]:
    """Honest statements, which the guard lets pass and which must show one's own rows only."""
    by_store = [
        Attack(f"{name} of {relation}", Wall.CONTEXT, sql, sql, guard_refuses=False)
        for name, template in forms()["reads"].items()
        for relation in WITH_STORES
        for sql in [template.replace("{relation}", f"retail.{relation}")]
    ]
    return by_store + [
        Attack(name, Wall.CONTEXT, sql, SELECT_SECRET, guard_refuses=False)
        for name, sql in forms()["plain_reads"].items()
    ]


@cache
def statements() -> list[Attack]:
    """Everything else."""
    return list(_statements())


def _statements() -> Iterator[Attack]:
    for group in _read("statements")["attack"]:
        for number, sql in enumerate(group["sql"], 1):
            yield Attack(
                name=f"{group['family']} {number}",
                wall=Wall(group["wall"]),
                sql=sql,
                control=group.get("control", SELECT_SECRET),
                expects_refusal=group.get("expect") == "refused",
                behind=group.get("behind", True),
                several=group.get("several", False),
            )


def _set_config(form: str, setting: str, *, spelling: str = PLAIN, session: bool = False) -> Attack:
    what = forms()["settings"][setting]
    variant = ", for the session" if session else "" if spelling == PLAIN else f", {spelling}"
    return Attack(
        name=f"set_config {setting}: {form}{variant}",
        wall=_wall_of(setting),
        sql=form_sql(form, what["name"], what["value"], spelling=forms()["spellings"][spelling], session=session),
        control=_neutral(form),
    )


def _neutral(form: str) -> str:
    return filled(forms()["forms"][form], {"set": NEUTRAL, "quoted": NEUTRAL.replace("'", "''")})


def _wall_of(setting: str) -> Wall:
    """Roles without rows of their own are kept by privileges, everything else by the context."""
    kept_by_privileges = {"the login's role", "the owner's role", "the security owner's role"}
    return Wall.PRIVILEGES if setting in kept_by_privileges else Wall.CONTEXT


@cache
def _read(name: str) -> dict[str, Any]:
    return tomllib.loads(files("zava_cli.data.attacks").joinpath(f"{name}.toml").read_text(encoding="utf-8"))
