"""Where a setting's value comes from.

Precedence: command-line flag, environment (`ZAVA_…`), `.env`, `zava.toml` of the user, `zava.toml` of the
current folder once that folder is trusted, default. A folder that is not trusted may set nothing that says
where to connect, as whom, or with which key; no file may hold the key of the openai provider.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel
from pydantic import ValidationError as PydanticError

from zava_cli.infra import trust
from zava_cli.infra.errors import ConfigurationError
from zava_cli.infra.invalid import reason
from zava_cli.infra.paths import config_directory
from zava_cli.infra.settings import ENV_PREFIX, Settings, is_guarded

TOML_NAME = "zava.toml"
NEVER_IN_FILES = "openai_api_key"
"""What costs its owner money in other hands comes from the environment or the system's keyring alone."""
OF_OPENAI = "OPENAI_API_KEY"
"""The name that other tools share: that key is OpenAI's, and does not travel to another address."""


class Loaded(BaseModel):
    """Settings with the origin of each value and what was passed over."""

    settings: Settings
    origins: dict[str, str]
    warnings: list[str]


def load_settings(flags: dict[str, Any], folder: Path | None = None) -> Loaded:
    """Merges all sources; raises ConfigurationError naming the setting and where its bad value came from."""
    folder = folder or Path.cwd()
    warnings: list[str] = _misspelt(os.environ)
    layers: list[tuple[str, dict[str, Any]]] = [
        ("flag", {name: value for name, value in flags.items() if value is not None}),
        ("environment", _known(os.environ)),
        (".env", _dotenv(folder, warnings)),
    ]
    files = {str(config_directory() / TOML_NAME): _toml(config_directory() / TOML_NAME)}
    if config_directory() != folder:
        files[TOML_NAME] = _folder_toml(folder, warnings)
    candidates = [*(values for _, values in layers), *files.values()]
    profile = next((str(values["profile"]) for values in candidates if "profile" in values), "default")
    layers += [(origin, _of_profile(content, profile, origin)) for origin, content in files.items()]
    for origin, values in layers[2:]:
        if values.pop(NEVER_IN_FILES, None) is not None:
            warnings.append(f"ignored {NEVER_IN_FILES} from {origin}: put it into the environment or the keyring")
    merged: dict[str, Any] = {}
    origins = dict.fromkeys(Settings.model_fields, "default")
    for origin, values in layers:
        for name, value in values.items():
            if name not in merged:
                merged[name], origins[name] = value, origin
    if "embedding_base_url" in merged and merged.get(NEVER_IN_FILES) == os.environ.get(OF_OPENAI):
        merged.pop(NEVER_IN_FILES, None)
        origins[NEVER_IN_FILES] = "default"
    return Loaded(settings=_validated(merged, origins), origins=origins, warnings=warnings)


def _validated(merged: dict[str, Any], origins: dict[str, str]) -> Settings:
    try:
        return Settings.model_validate(merged)
    except PydanticError as exc:
        first = exc.errors(include_input=False, include_url=False)[0]
        name = str(first["loc"][0]) if first["loc"] else "settings"
        raise ConfigurationError(
            f"{name} (from {origins.get(name, 'an unknown place')}): {reason(exc)}",
            hint="`zava config show` lists every setting with its value and origin.",
        ) from None


def _names() -> dict[str, str]:
    """Every name that a setting may have in the environment, in lower case, and its field."""
    names = {f"{ENV_PREFIX}{name}".lower(): name for name in Settings.model_fields}
    return names | {"zava_as": "identity", "openai_api_key": "openai_api_key"}


def _known(values: Mapping[str, str | None]) -> dict[str, Any]:
    names = _names()
    picked = {names[key.lower()]: value for key, value in values.items() if key.lower() in names and value}
    # The product's own name wins over the one that other tools share.
    own = values.get("ZAVA_OPENAI_API_KEY")
    return picked | ({"openai_api_key": own} if own else {})


def _misspelt(given: Iterable[str], place: str = "") -> list[str]:
    """What to say of names that are nearly a setting's: with a mistaken URL another database would be asked."""
    names = _names()
    own = [name for name in given if name.startswith(ENV_PREFIX) and name.lower() not in names]
    near = {name: get_close_matches(name.lower(), names, n=1, cutoff=0.85) for name in own}
    return [f"ignored {name}{place}: did you mean {found[0].upper()}" for name, found in sorted(near.items()) if found]


def _dotenv(folder: Path, warnings: list[str]) -> dict[str, Any]:
    path = folder / ".env"
    if not path.is_file():
        return {}
    from dotenv import dotenv_values

    try:
        # Not interpolated: a file of a folder has no business with the environment's values.
        given = dotenv_values(path, interpolate=False)
    except (UnicodeDecodeError, OSError) as exc:
        raise ConfigurationError(f".env cannot be read: {exc}", hint="Mend or remove the file.") from None
    warnings += _misspelt(given, " from .env")
    values = _known(given)
    if trust.is_trusted(folder):
        return values
    guarded = sorted(name for name in values if is_guarded(name))
    if guarded:
        warnings.append(f"ignored {', '.join(guarded)} from .env: this folder is not trusted (zava config trust)")
    return {name: value for name, value in values.items() if name not in guarded}


def _folder_toml(folder: Path, warnings: list[str]) -> dict[str, Any]:
    path = folder / TOML_NAME
    if path.is_file() and not trust.is_trusted(folder):
        warnings.append(f"ignored {TOML_NAME}: this folder is not trusted (zava config trust)")
        return {}
    return _toml(path)


def _toml(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as exc:
        raise ConfigurationError(f"{path} cannot be read: {exc}", hint="Mend or remove the file.") from None


def _of_profile(content: dict[str, Any], profile: str, origin: str) -> dict[str, Any]:
    """A file's settings with those of the profile's own table on top."""
    profiles = content.pop("profiles", {})
    own = cast("dict[str, Any]", profiles).get(profile, {}) if isinstance(profiles, dict) else None
    if not isinstance(own, dict):
        raise ConfigurationError(
            f"{origin}: profiles.{profile} is not a table", hint=f"Write [profiles.{profile}] and settings below it."
        )
    values = content | cast("dict[str, Any]", own)
    if "as" in values:
        values["identity"] = values.pop("as")
    unknown = sorted(set(values) - set(Settings.model_fields))
    if unknown:
        raise ConfigurationError(
            f"{origin}: unknown setting {', '.join(unknown)}", hint="`zava config show` lists every setting."
        )
    return values
