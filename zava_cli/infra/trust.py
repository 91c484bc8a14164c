"""Folders whose `zava.toml` and `.env` the user has declared safe."""

from __future__ import annotations

import json
from pathlib import Path

from zava_cli.infra.paths import config_directory


def _register() -> Path:
    return config_directory() / "trusted-folders.json"


def trusted_folders() -> list[str]:
    """The trusted folders, as absolute paths."""
    register = _register()
    return json.loads(register.read_text(encoding="utf-8")) if register.is_file() else []


def is_trusted(folder: Path) -> bool:
    """Whether the user has trusted exactly this folder."""
    return str(folder.resolve()) in trusted_folders()


def trust_folder(folder: Path) -> None:
    """Remembers a folder as trusted."""
    _write(sorted({*trusted_folders(), str(folder.resolve())}))


def distrust_folder(folder: Path) -> None:
    """Forgets a folder."""
    _write([path for path in trusted_folders() if path != str(folder.resolve())])


def _write(folders: list[str]) -> None:
    register = _register()
    register.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    register.write_text(json.dumps(folders, indent=2) + "\n", encoding="utf-8")
    register.chmod(0o600)
