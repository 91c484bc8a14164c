"""A small database whose every row is known, on each kind of server that zava supports.

Numbers of rows are chosen so that a count of foreign rows, or a sum with foreign rows in it, is recognised
wherever it turns up: see FOREIGN_TO_SEATTLE.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

import asyncpg

from tests.conftest import drop, new_profile, root, settings_for
from zava_cli.data.admin import admin_connection, owner_transaction
from zava_cli.data.embedded import SUPERUSER, EmbeddedServer
from zava_cli.data.keys import register_keys
from zava_cli.data.migrate import migrate
from zava_cli.data.named_sql import named_sql
from zava_cli.data.target import Target
from zava_cli.infra.settings import Settings

KINDS = ["PostgreSQL 18", "PostgreSQL 16", "no superuser"]
"""Two embedded servers, and one where set-up runs as a CREATEROLE login that owns the database."""

ORDERS = {"Seattle": 7, "Bellevue": 1213, "Tacoma": 1319}
CUSTOMERS = {"Seattle": 3, "Bellevue": 1117, "Tacoma": 1123}
INVENTORY = {"Seattle": 5, "Bellevue": 4, "Tacoma": 3}
LINES_PER_ORDER = 2
PRODUCTS = 5

MANAGERS = {
    "Sam Seattle": ("store_manager", ["Seattle"]),
    "Bella Bellevue": ("store_manager", ["Bellevue"]),
    "Tom Tacoma": ("store_manager", ["Tacoma"]),
    "Rita Region": ("regional_manager", ["Seattle", "Tacoma"]),
    "Hedda Office": ("head_office", list(ORDERS)),
}
"""Role of each manager, and the stores whose rows are theirs to see."""

SHARED = {"categories": 2, "product_types": 2, "products": PRODUCTS, "embedding_models": 1,
          "product_description_embeddings": PRODUCTS, "search_words": 3}  # fmt: skip
PER_STORE = {
    "customers": CUSTOMERS,
    "orders": ORDERS,
    "order_items": {store: LINES_PER_ORDER * orders for store, orders in ORDERS.items()},
    "inventory": INVENTORY,
    "stores": dict.fromkeys(ORDERS, 1),
}

FOREIGN_NAMES = re.compile(r"bell[ae]|tacoma|tom t|b000-|c000-", re.IGNORECASE)
"""What stands in rows of others; beside it FOREIGN_TO_SEATTLE knows their numbers."""

FOREIGN_TO_SEATTLE = re.compile(
    FOREIGN_NAMES.pattern
    +
    # Counts of orders, customers and lines: of one foreign store, of both, of all three.
    r"|\b(?:1213|1319|2532|2539|1117|1123|2240|2243|2426|2638|5064|5078)\b",
    re.IGNORECASE,
)
"""What no answer, error or notice for the manager of Seattle may hold."""


@dataclass(frozen=True)
class Walls:
    """One known database, and how to look behind its walls."""

    kind: str
    target: Target
    superuser_dsn: str

    def role(self, name: str) -> str:
        """A role's name in this cluster."""
        return self.target.roles.prefix + name

    async def as_superuser(self, sql: str, *arguments: object) -> list[asyncpg.Record]:
        """Rows of a statement that no policy filters."""
        connection = await asyncpg.connect(self.superuser_dsn)
        try:
            return await connection.fetch(sql, *arguments)
        finally:
            await connection.close()


def expected(manager: str, table: str) -> int:
    """Rows of a table of `retail` that are this manager's to see."""
    role, stores = MANAGERS[manager]
    if table in SHARED:
        return SHARED[table]
    if table == "managers":
        return 1
    if table == "manager_stores":
        return 0 if role == "head_office" else len(stores)
    return sum(PER_STORE[table][store] for store in stores)


TABLES = [*PER_STORE, *SHARED, "managers", "manager_stores"]


async def make_walls(kind: str) -> Walls:
    """Makes and fills a database of that kind."""
    walls = await empty_walls(kind)
    await migrate(walls.target)
    await fill(walls.target)
    return walls


async def empty_walls(kind: str) -> Walls:
    """A database of that kind before its first migration."""
    version = 16 if kind == "PostgreSQL 16" else 18
    if kind == "no superuser":
        return await _without_superuser(version)
    target = Target(settings_for(new_profile(), version))
    assert target.embedded is not None
    return Walls(kind, target, target.embedded.dsn(SUPERUSER, target.embedded_database))


async def remove_walls(walls: Walls) -> None:
    """Removes the database, and its roles where it has some of its own."""
    if walls.target.embedded is not None:
        await drop(walls.target)
        return
    server = EmbeddedServer(walls.target.settings.data_dir, 18)
    connection = await asyncpg.connect(server.dsn(SUPERUSER, "postgres"))
    prefix = walls.target.roles.prefix
    try:
        await connection.execute(f'DROP DATABASE IF EXISTS "{prefix}db" WITH (FORCE)')
        rows = await connection.fetch("SELECT rolname FROM pg_roles WHERE starts_with(rolname, $1)", prefix)
        # In one statement, since they have granted one another.
        await connection.execute("DROP ROLE " + ", ".join(row[0] for row in rows))
    finally:
        await connection.close()
    walls.target.key_file.unlink(missing_ok=True)


async def _without_superuser(version: int) -> Walls:
    server = EmbeddedServer(root() / "d", version)
    server.start()
    profile = new_profile()
    prefix = f"z{os.getpid()}_{profile.rsplit('-', 1)[1]}_"
    connection = await asyncpg.connect(server.dsn(SUPERUSER, "postgres"))
    try:
        await connection.execute(f'CREATE ROLE "{prefix}dba" LOGIN CREATEROLE NOSUPERUSER NOCREATEDB NOBYPASSRLS')
        await connection.execute(f'CREATE DATABASE "{prefix}db" OWNER "{prefix}dba"')
    finally:
        await connection.close()
    connection = await asyncpg.connect(server.dsn(SUPERUSER, f"{prefix}db"))
    try:
        # As on any server whose pgvector is not marked as trusted: somebody else has installed it.
        await connection.execute("CREATE EXTENSION vector SCHEMA public")
    finally:
        await connection.close()
    settings = Settings.model_validate(
        {
            "profile": profile,
            "data_dir": root() / "d",
            "role_prefix": prefix,
            "database_url": server.dsn(f"{prefix}gateway", f"{prefix}db"),
            "admin_url": server.dsn(f"{prefix}dba", f"{prefix}db"),
        }
    )
    return Walls("no superuser", Target(settings), server.dsn(SUPERUSER, f"{prefix}db"))


async def fill(target: Target) -> None:
    """Loads the known rows as the owner and gives every manager a key."""
    async with admin_connection(target) as connection:
        async with owner_transaction(connection, target):
            await connection.execute(_CATALOGUE)
            for name, (role, stores) in MANAGERS.items():
                manager = await connection.fetchval(
                    "INSERT INTO managers (name, email, role) VALUES ($1, $2, $3) RETURNING manager_id",
                    name, f"{name.split()[0].lower()}@zava.example", role,
                )  # fmt: skip
                if role == "store_manager":
                    await _add_store(connection, stores[0], manager)
            await connection.execute(_ASSIGNMENTS, [m for m, (role, _) in MANAGERS.items() if role != "head_office"])
            # So that the catalog counts what there is.
            await connection.execute("ANALYZE customers, orders, order_items, inventory, stores, managers")
            await connection.execute(named_sql("admin")["record_load"], "seed", "small", "0" * 64, "{}", "{}")
        await register_keys(connection, target)


async def _add_store(connection: asyncpg.Connection, city: str, manager: object) -> None:
    number = {"Seattle": "a000", "Bellevue": "b000", "Tacoma": "c000"}[city]
    store = f"{number}{number}-{number}-{number}-{number}-{number * 3}"
    await connection.execute(
        "INSERT INTO stores (store_id, name, location, manager_id) VALUES ($1::text::uuid, $2, $3, $4)",
        store, f"Zava Retail {city}", f"{city}, WA", manager,
    )  # fmt: skip
    await connection.execute(
        "INSERT INTO customers (store_id, first_name, last_name, email) SELECT $1::text::uuid, $2, $2 || n,"
        " $2 || n || '@example.com' FROM generate_series(1, $3::integer) n",
        store, city, CUSTOMERS[city],
    )  # fmt: skip
    await connection.execute(_ORDERS, store, city, ORDERS[city])
    await connection.execute(
        "INSERT INTO inventory (store_id, product_id, stock_level) SELECT $1::text::uuid, product_id, 10"
        " FROM products ORDER BY sku LIMIT $2",
        store, INVENTORY[city],
    )  # fmt: skip


_CATALOGUE = f"""
INSERT INTO categories (name) VALUES ('HAND TOOLS'), ('PAINT');
INSERT INTO product_types (category_id, name)
SELECT category_id, CASE name WHEN 'PAINT' THEN 'BRUSHES' ELSE 'HAMMERS' END FROM categories;
INSERT INTO products (sku, name, description, category_id, type_id, cost, price)
SELECT 'SKU' || n, 'Hammer ' || n, 'A hammer', category_id, type_id, n, 2 * n
FROM product_types, generate_series(1, {PRODUCTS}) n WHERE name = 'HAMMERS';
INSERT INTO embedding_models (model, provider, dimensions, is_active, provider_model)
VALUES ('tiny', 'local', 3, true, 'tiny');
INSERT INTO product_description_embeddings (product_id, model, description_embedding, content_hash, dimensions)
SELECT product_id, 'tiny', '[1,0,0]', repeat('0', 64), 3 FROM products;
"""

_ORDERS = """
WITH bought AS (
    INSERT INTO orders (store_id, customer_id, order_date, total_amount, reference)
    SELECT $1::text::uuid, (SELECT customer_id FROM customers WHERE store_id = $1::text::uuid ORDER BY 1 LIMIT 1),
           timestamptz '2025-01-01 12:00+00' + n * interval '1 hour', 4, $2 || '-' || n
    FROM generate_series(1, $3::integer) n
    RETURNING store_id, order_id
)
INSERT INTO order_items (store_id, order_id, line_no, product_id, quantity, unit_price, total_amount)
SELECT b.store_id, b.order_id, n, (SELECT product_id FROM products WHERE sku = 'SKU1'), 1, 2, 2
FROM bought b, generate_series(1, 2) n
"""

_ASSIGNMENTS = """
INSERT INTO manager_stores (manager_id, store_id)
SELECT m.manager_id, s.store_id FROM managers m JOIN stores s
ON s.manager_id = m.manager_id OR (m.role = 'regional_manager' AND s.location IN ('Seattle, WA', 'Tacoma, WA'))
WHERE m.name = ANY ($1)
"""
