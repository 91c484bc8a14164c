"""How many rows others have, how large they are and where they lie: PostgreSQL tells every login, zava does not."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.attacks import exported, extended
from tests.small_data import MANAGERS, Walls
from zava_cli.data.database import PostgreSQLProvider
from zava_cli.data.guard.check import check_query
from zava_cli.infra.errors import QueryRefusedError

PLACES = ["ctid", "xmin", "xmax", "cmin", "tableoid", "min(ctid)", "ctid = '(0,1)'"]
STORE_TABLES = ["customers", "orders", "order_items", "inventory", "stores", "managers", "manager_stores"]

COUNTS = [
    "SELECT reltuples FROM pg_class WHERE relname = 'orders'",
    "SELECT relpages, relallvisible FROM pg_class WHERE relname = 'orders'",
    "SELECT (c).reltuples FROM pg_class c WHERE relname = 'orders'",
    "SELECT c::text FROM pg_class c WHERE relname = 'orders'",
    "SELECT relname FROM pg_class WHERE reltuples > 2000",
    "SELECT relname FROM pg_class ORDER BY reltuples DESC",
    "SELECT pg_relation_size('retail.orders')",
    "SELECT pg_total_relation_size('retail.orders')",
    "SELECT pg_table_size('retail.orders'), pg_indexes_size('retail.orders')",
    "SELECT pg_database_size(current_database())",
    "SELECT n_live_tup, n_tup_ins FROM pg_stat_user_tables WHERE relname = 'orders'",
    "SELECT pg_stat_get_live_tuples('retail.orders'::regclass)",
    "SELECT seq_tup_read FROM pg_stat_all_tables WHERE relname = 'orders'",
    "SELECT idx_tup_read FROM pg_stat_user_indexes",
    "SELECT heap_blks_hit FROM pg_statio_user_tables",
    "SELECT tup_returned FROM pg_stat_database WHERE datname = current_database()",
    "SELECT count(*) FROM pg_locks",
    "SELECT pg_blocking_pids(1)",
    "SELECT pid, state, query_start FROM pg_stat_activity",
    "SELECT pg_current_wal_lsn()",
    "SELECT txid_current()",
    "SELECT pg_current_xact_id()",
    "SELECT pg_snapshot_xmax(pg_current_snapshot())",
    "SELECT next_xid, checkpoint_lsn FROM pg_control_checkpoint()",
    "SELECT pg_xact_status('800')",
    "SELECT txid_status(800)",
    "SELECT * FROM pg_get_multixact_members('1')",
    "SELECT * FROM pg_last_committed_xact()",
    "SELECT pg_last_wal_replay_lsn()",
    "SELECT setseed(0.5)",
]

HARMLESS = [
    "SELECT oid, relname, relkind, relnatts, relacl, reloptions FROM pg_class WHERE relname = 'orders'",
    "SELECT count(*) FROM pg_class",
    "SELECT * FROM information_schema.columns WHERE table_schema = 'retail'",
    "SELECT * FROM pg_tables, pg_views, pg_indexes WHERE pg_tables.schemaname = 'retail' LIMIT 10",
    "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'retail.orders'::regclass",
]


@pytest.mark.parametrize("role", ["Sam Seattle", "Rita Region"])
@pytest.mark.parametrize("table", STORE_TABLES)
async def test_where_a_managers_rows_lie_among_those_of_others_is_not_shown(
    walls: Walls, gateway: PostgreSQLProvider, table: str, role: str
) -> None:
    caller = await gateway.identify(role)
    for place in PLACES:
        for way in (extended, exported):
            assert "permission denied" in await way(gateway, caller, f"SELECT {place} FROM {table}"), place


@pytest.mark.parametrize("table", STORE_TABLES)
async def test_every_column_and_the_whole_row_stay_readable(
    walls: Walls, gateway: PostgreSQLProvider, table: str
) -> None:
    columns = await walls.as_superuser(
        "SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute"
        " WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped",
        f"retail.{table}",
    )
    for name in MANAGERS:
        caller = await gateway.identify(name)
        for wanted in ("*", columns[0][0], "row_to_json(t)", "count(*)", "t"):
            answer = await extended(gateway, caller, f"SELECT {wanted} FROM {table} t")
            assert "permission denied" not in answer, (name, wanted)


@pytest.mark.parametrize("sql", COUNTS)
async def test_no_catalog_counts_for_a_manager(walls: Walls, gateway: PostgreSQLProvider, sql: str) -> None:
    with pytest.raises(QueryRefusedError):
        check_query(sql)
    if walls.kind != "no superuser":
        # There nobody may take it from everybody, and the guard stands alone.
        sam = await gateway.identify("Sam Seattle")
        assert "permission denied" in await extended(gateway, sam, sql)


@pytest.mark.parametrize("sql", ["SELECT age('3'::xid)", "SELECT age(xmin) FROM products"])
async def test_the_age_of_a_transaction_is_closed_and_that_of_a_date_is_not(
    walls: Walls, gateway: PostgreSQLProvider, sql: str
) -> None:
    sam = await gateway.identify("Sam Seattle")
    assert ("permission denied" in await extended(gateway, sam, sql)) == (walls.kind != "no superuser")
    assert "permission denied" not in await extended(gateway, sam, "SELECT age(order_date) FROM orders")


@pytest.mark.parametrize("sql", HARMLESS)
async def test_what_describes_the_schema_stays_open(walls: Walls, gateway: PostgreSQLProvider, sql: str) -> None:
    sam = await gateway.identify("Sam Seattle")
    assert "permission denied" not in await extended(gateway, sam, sql)


def _program(walls: Walls, *arguments: str) -> str:
    server = walls.target.embedded
    if server is None:
        pytest.skip("no REVOKE was made there")
    environment = {"PATH": os.defpath, "PSQLRC": os.devnull}
    command = [str(server.programs / arguments[0]), *arguments[1:]]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "command", [r"\dn", r"\dt retail.*", r"\d retail.orders", r"\di retail.*", r"\df", r"\l", r"\du"]
)
async def test_psql_still_describes_the_schema_to_the_gateway(walls: Walls, command: str) -> None:
    assert _program(walls, "psql", "-X", "-v", "ON_ERROR_STOP=1", walls.target.gateway_dsn, "-c", command)


async def test_the_owner_can_still_dump_the_data(walls: Walls) -> None:
    owner = walls.role("owner")
    dumped = _program(
        walls, "pg_dump", "--enable-row-security", f"--role={owner}", "--schema=retail", walls.superuser_dsn
    )
    assert "COPY retail.orders" in dumped
    assert "GRANT SELECT(store_id) ON TABLE retail.orders" in dumped
