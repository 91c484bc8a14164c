"""Folders whose `zava.toml` and `.env` the user has declared safe."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import TypeAdapter

from zava_cli.infra.errors import ConfigurationError
from zava_cli.infra.paths import config_directory

_Folders = TypeAdapter(list[str])


def _register() -> Path:
    return config_directory() / "trusted-folders.json"


def trusted_folders() -> list[str]:
    """The trusted folders, as absolute paths."""
    register = _register()
    if not register.is_file():
        return []
    try:
        return _Folders.validate_json(register.read_bytes())
    except (ValueError, OSError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "it is not a list of paths"
        raise ConfigurationError(
            f"The list of trusted folders cannot be read: {reason}.",
            hint=f"Remove {register}; `zava config trust` begins a new one.",
        ) from None


def is_trusted(folder: Path) -> bool:
    """Whether the user has trusted exactly this folder."""
    return str(folder.resolve()) in trusted_folders()


def trust_folder(folder: Path) -> None:
    """Remembers a folder as trusted; ConfigurationError when there is no such folder."""
    if not folder.is_dir():
        raise ConfigurationError(
            f"There is no folder {folder}.", hint="Give the path of a folder, or none for this one."
        )
    _write(sorted({*trusted_folders(), str(folder.resolve())}))


def distrust_folder(folder: Path) -> None:
    """Forgets a folder."""
    _write([path for path in trusted_folders() if path != str(folder.resolve())])


def _write(folders: list[str]) -> None:
    register = _register()
    register.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    register.write_text(json.dumps(folders, indent=2) + "\n", encoding="utf-8")
    register.chmod(0o600)
