"""What the catalog says about the walls, without any attack; and which of them this server does not offer."""

from __future__ import annotations

from typing import Any

from zava_cli.data.database import PostgreSQLProvider
from zava_cli.data.health import catalog_facts
from zava_cli.data.prove import offered, rights_beyond_reading
from zava_cli.models.prove import MissingWall, Wall
from zava_cli.services.prove.tally import Tally, Trial

WAY = "catalog"
POWERS = {
    "is_superuser": "the login is a superuser",
    "bypasses_rls": "the login bypasses row security",
    "creates_roles": "the login creates roles",
    "creates_databases": "the login creates databases",
}


async def check_the_catalog(provider: PostgreSQLProvider, tally: Tally) -> None:
    """Rights, row security, views and definer functions; a failure names the object."""
    facts = await catalog_facts(provider)
    login = facts["login"]
    found: dict[tuple[Wall, str], list[str]] = {
        (Wall.PRIVILEGES, "powers of the login"): [text for name, text in POWERS.items() if login[name]],
        (Wall.PRIVILEGES, "owners within reach of the login"): login["reachable_owners"],
        (Wall.PRIVILEGES, "tables that the login owns"): login["owned_tables"],
        (Wall.PRIVILEGES, "ways around row security"): facts["holes"],
        (Wall.PRIVILEGES, "rights beyond reading"): await rights_beyond_reading(provider),
        (Wall.CONTEXT, "tables without forced row security"): [
            table["name"] for table in facts["row_security"] if not table["is_forced"]
        ],
        (Wall.CONTEXT, "tables without a policy"): [
            table["name"] for table in facts["row_security"] if not table["policies"]
        ],
    }
    for (wall, name), holes in found.items():
        trial = Trial(wall, WAY, "nobody", name, "")
        if holes:
            tally.failed(trial, ", ".join(holes))
        else:
            tally.held(trial)


async def missing_walls(provider: PostgreSQLProvider, *, binds_backend: bool) -> list[MissingWall]:
    """What this server or its set-up does not offer, and what stands without it."""
    server: dict[str, Any] = (await catalog_facts(provider))["server"] | await offered(provider)
    notes = {
        "anyone_sets_config": (
            Wall.PRIVILEGES, "set_config() is open to everybody: only a superuser could take it away",
            "The guard refuses it, and rows stay apart by the signed context, which a query can set but not sign.",
        ),
        "anyone_runs_text": (
            Wall.PRIVILEGES, "functions that run SQL given as text (ts_stat, query_to_xml) are open to everybody",
            "The guard refuses them, and what they run sees the manager's own rows. With set_config they could show "
            "the running SQL of other sessions: there the guard stands alone.",
        ),
        "anyone_runs_code": (
            Wall.PRIVILEGES, "PL/pgSQL is open to everybody",
            "The guard refuses DO, and a block of code sees the manager's own rows in a read-only transaction.",
        ),
        "anyone_makes_objects": (
            Wall.PRIVILEGES, "large objects can be made by everybody",
            "The guard refuses them, and so does the read-only transaction.",
        ),
        "lacks_transaction_timeout": (
            Wall.TRANSACTION, "transaction_timeout exists from PostgreSQL 17 on",
            "zava's own deadline and statement_timeout bound every query.",
        ),
    }  # fmt: skip
    missing = [MissingWall(wall=w, missing=m, remains=r) for key, (w, m, r) in notes.items() if server[key]]
    if server["temp_file_limit"] == "-1":
        missing.append(MissingWall(
            wall=Wall.TRANSACTION, missing="temp_file_limit is not set",
            remains="A query's temporary files are bounded by its deadline and the disk alone.",
        ))  # fmt: skip
    if not binds_backend:
        missing.append(MissingWall(
            wall=Wall.CONTEXT, missing="contexts are not bound to their connection (a pooler is in front)",
            remains="A context that somebody got hold of is good on any connection until it expires.",
        ))  # fmt: skip
    return missing
