"""Where settings come from, which source wins, and what a folder that nobody trusts may not say."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from zava_cli.infra.errors import ConfigurationError
from zava_cli.infra.setting_sources import Loaded, load_settings
from zava_cli.infra.settings import Settings, is_guarded, is_secret
from zava_cli.infra.trust import distrust_folder, is_trusted, trust_folder, trusted_folders

USER_TOML, FOLDER_TOML, DOTENV = "user's zava.toml", "folder's zava.toml", ".env"
SOURCES = ["flag", "environment", DOTENV, USER_TOML, FOLDER_TOML]
"""In order of precedence."""


class Machine:
    """A user's configuration directory and current folder, both empty at first."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = root / "folder"
        self.config = root / "config" / "zava"
        self.folder.mkdir()
        self.config.mkdir(parents=True)
        self._monkeypatch = monkeypatch
        self.flags: dict[str, Any] = {}
        monkeypatch.setenv("XDG_CONFIG_HOME", str(root / "config"))
        monkeypatch.delenv("ZAVA_DATA_DIR")

    def say(self, source: str, name: str, value: str) -> None:
        """Gives a setting a value in one source."""
        match source:
            case "flag":
                self.flags[name] = value
            case "environment":
                self._monkeypatch.setenv(f"ZAVA_{name.upper()}", value)
            case ".env":
                self._append(self.folder / ".env", f"ZAVA_{name.upper()}={value}\n")
            case _:
                home = self.config if source == USER_TOML else self.folder
                self._append(home / "zava.toml", f'{name} = "{value}"\n')

    def load(self) -> Loaded:
        """What zava would use here."""
        return load_settings(self.flags, self.folder)

    def origin_of(self, source: str) -> str:
        """How a source is called where a person reads it."""
        return {USER_TOML: str(self.config / "zava.toml"), FOLDER_TOML: "zava.toml"}.get(source, source)

    def _append(self, file: Path, text: str) -> None:
        file.write_text((file.read_text() if file.exists() else "") + text)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


@pytest.mark.parametrize(("winner", "loser"), list(itertools.combinations(SOURCES, 2)))
def test_a_nearer_source_wins_over_a_farther_one(machine: Machine, winner: str, loser: str) -> None:
    trust_folder(machine.folder)
    machine.say(winner, "application_name", "wins")
    machine.say(loser, "application_name", "loses")
    loaded = machine.load()
    assert (loaded.settings.application_name, loaded.origins["application_name"]) == (
        "wins",
        machine.origin_of(winner),
    )


def test_without_any_source_every_setting_is_its_default(machine: Machine) -> None:
    loaded = machine.load()
    assert set(loaded.origins.values()) == {"default"}
    assert (loaded.settings.profile, loaded.settings.is_embedded, loaded.warnings) == ("default", True, [])


def test_every_setting_has_an_origin_and_a_description(machine: Machine) -> None:
    assert list(machine.load().origins) == list(Settings.model_fields)
    assert all(field.description for field in Settings.model_fields.values())


GUARDED = {
    "profile": "other",
    "identity": "head office",
    "database_url": "postgresql://u:secret@elsewhere/db",
    "admin_url": "postgresql://u:secret@elsewhere/db",
    "data_dir": "/var/tmp/elsewhere",
    "role_prefix": "other_",
    "master_key": "0" * 64,
    "manager_key_file": "/var/tmp/elsewhere.key",
    "embedding_base_url": "https://elsewhere.example/v1",
    "embedding_api_version": "2024-10-21",
    "embedding_provider": "openai",
    "embedding_model": "/elsewhere/model",
    "openai_api_key": "sk-secret",
    "rerank_model": "/elsewhere/model",
    "otel_endpoint": "https://elsewhere.example:4318",
    "redis_url": "redis://:secret@elsewhere:6379/0",
    "log_file": "/var/tmp/elsewhere.log",
    "audit_sql": "hash",
    "audit_keep_months": "999",
    "http_host": "0.0.0.0",
    "http_public_url": "https://elsewhere.example",
    "http_allowed_hosts": "elsewhere.example",
    "http_tls_certificate": "/var/tmp/elsewhere.pem",
    "http_tls_key": "/var/tmp/elsewhere.key",
    "oidc_issuer": "https://elsewhere.example",
    "oidc_audience": "elsewhere",
    "oidc_jwks_url": "https://elsewhere.example/keys",
    "oidc_algorithms": "ES512",
    "oidc_manager_claim": "nickname",
    "oidc_scope_claim": "hobbies",
    "oidc_scopes": "chess,tennis,golf",
    "http_identity_header": "X-Anybody",
    "http_trusted_proxies": "203.0.113.0/24",
    "http_identity_scopes": "sql",
    "metrics_token": "somebody-elses-token",
    "metrics_port": "9100",
    "metrics_file": "/var/tmp/elsewhere",
    "thesaurus": "/etc/passwd",
}


def test_the_settings_that_say_where_and_as_whom_are_guarded() -> None:
    assert {name for name in Settings.model_fields if is_guarded(name)} == set(GUARDED)


@pytest.mark.parametrize("source", [DOTENV, FOLDER_TOML])
@pytest.mark.parametrize("name", GUARDED)
def test_an_untrusted_folder_may_not_say_where_or_as_whom(machine: Machine, source: str, name: str) -> None:
    machine.say(source, name, GUARDED[name])
    loaded = machine.load()
    assert loaded.origins[name] == "default"
    assert len(loaded.warnings) == 1
    assert "zava config trust" in loaded.warnings[0]
    assert GUARDED[name] not in loaded.warnings[0]


@pytest.mark.parametrize("source", [DOTENV, FOLDER_TOML])
@pytest.mark.parametrize("name", sorted(set(GUARDED) - {"openai_api_key"}))
def test_a_trusted_folder_may_say_everything_but_a_providers_key(machine: Machine, source: str, name: str) -> None:
    trust_folder(machine.folder)
    machine.say(source, name, GUARDED[name])
    loaded = machine.load()
    assert loaded.origins[name] == machine.origin_of(source)
    assert loaded.warnings == []


def test_the_name_that_openai_uses_is_guarded_in_a_folder_too(machine: Machine) -> None:
    (machine.folder / ".env").write_text("OPENAI_API_KEY=sk-planted\nZAVA_AS=head office\n")
    loaded = machine.load()
    assert (loaded.settings.openai_api_key, loaded.settings.identity) == (None, None)


def test_the_key_of_openai_does_not_travel_to_another_address_and_zavas_own_does(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-meant-for-openai")
    assert machine.load().settings.openai_api_key == SecretStr("sk-meant-for-openai")
    monkeypatch.setenv("ZAVA_EMBEDDING_BASE_URL", "http://models.example/v1")
    assert machine.load().settings.openai_api_key is None
    monkeypatch.setenv("ZAVA_OPENAI_API_KEY", "sk-meant-for-models")
    assert machine.load().settings.openai_api_key == SecretStr("sk-meant-for-models")


def test_an_untrusted_dotenv_may_set_what_is_harmless_and_reads_no_environment(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTHER_SECRET", "hunter2")
    machine.say(DOTENV, "application_name", "${OTHER_SECRET}")
    assert machine.load().settings.application_name == "${OTHER_SECRET}"


def test_trust_is_for_one_folder_and_can_be_taken_away(machine: Machine) -> None:
    below = machine.folder / "below"
    below.mkdir()
    trust_folder(machine.folder)
    trust_folder(machine.folder)
    assert (is_trusted(machine.folder), is_trusted(below), len(trusted_folders())) == (True, False, 1)
    distrust_folder(machine.folder)
    assert trusted_folders() == []


def test_a_folder_that_does_not_exist_cannot_be_trusted(machine: Machine) -> None:
    with pytest.raises(ConfigurationError, match="There is no folder"):
        trust_folder(machine.folder / "nowhere")


def test_a_damaged_list_of_trusted_folders_is_said_and_trusts_nothing(machine: Machine) -> None:
    trust_folder(machine.folder)
    (machine.config / "trusted-folders.json").write_text("{")
    machine.say(FOLDER_TOML, "identity", "head office")
    with pytest.raises(ConfigurationError, match="trusted folders") as raised:
        machine.load()
    assert "trusted-folders.json" in str(raised.value.hint)


@pytest.mark.parametrize("chooser", ["flag", "environment", DOTENV, USER_TOML, FOLDER_TOML])
def test_a_profile_can_be_chosen_in_every_source(machine: Machine, chooser: str) -> None:
    trust_folder(machine.folder)
    machine.say(chooser, "profile", "shop")
    for home, setting in ((machine.config, "application_name"), (machine.folder, "time_zone")):
        file = home / "zava.toml"
        text = file.read_text() if file.exists() else ""
        file.write_text(
            f'{text}{setting} = "plain"\n[profiles.shop]\n{setting} = "shop"\n[profiles.x]\nidentity = "x"\n'
        )
    settings = machine.load().settings
    assert (settings.application_name, settings.time_zone, settings.identity) == ("shop", "shop", None)


def test_without_a_profile_the_table_of_the_default_profile_counts(machine: Machine) -> None:
    (machine.config / "zava.toml").write_text('[profiles.default]\nas = "seattle"\n')
    assert machine.load().settings.identity == "seattle"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("colour = 1", "unknown setting colour"),
        ("[profiles.default]\ncolour = 1", "unknown setting colour"),
        ("profiles = 1", "profiles.default is not a table"),
        ("[profiles]\ndefault = 1", "profiles.default is not a table"),
        ("colour", "cannot be read"),
        ("identity = 5", "identity"),
    ],
)
def test_a_file_that_makes_no_sense_is_named(machine: Machine, content: str, complaint: str) -> None:
    (machine.config / "zava.toml").write_text(content)
    with pytest.raises(ConfigurationError, match=complaint) as raised:
        machine.load()
    assert str(machine.config / "zava.toml") in raised.value.message
    assert raised.value.hint


@pytest.mark.parametrize("name", [".env", "zava.toml"])
def test_a_file_that_is_not_text_is_named(machine: Machine, name: str) -> None:
    trust_folder(machine.folder)
    (machine.folder / name).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError, match=rf"{name} cannot be read"):
        machine.load()


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(
    ("name", "value"),
    [("statement_timeout", "soon"), ("statement_timeout", "0"), ("log_level", "loud"), ("pool_max", "1"),
     ("profile", "Robert'); DROP TABLE"), ("postgres_version", "17"), ("work_mem", "4MB; drop"),
     ("oidc_issuer", "http://login.example"), ("oidc_issuer", "https://"), ("oidc_issuer", "https://u:p@login.example"),
     ("oidc_issuer", "https://login.example:0"), ("oidc_jwks_url", "file:///etc/passwd"), ("oidc_algorithms", "none"),
     ("oidc_algorithms", "RS256,HS256"), ("oidc_algorithms", "rs256"), ("oidc_algorithms", ","),
     ("oidc_scopes", "a,b"), ("oidc_scopes", "a,b,b"), ("oidc_scopes", "a,b,c d"), ("http_identity_header", "X: a"),
     ("http_trusted_proxies", "proxy.example"), ("http_trusted_proxies", "0.0.0.0/0"), ("http_trusted_proxies", "::/0"),
     ("http_trusted_proxies", "10.0.0.1/8"), ("http_trusted_proxies", "10.0.0.1 10.0.0.2"),
     ("metrics_token", "short"), ("metrics_token", "with spaces in the middle"), ("metrics_token", "zava_of-a-manager"),
     ("metrics_port", "70000"), ("slow_query_seconds", "0")],
)  # fmt: skip
def test_a_bad_value_names_its_setting_and_where_it_came_from(
    machine: Machine, source: str, name: str, value: str
) -> None:
    trust_folder(machine.folder)
    machine.say(source, name, value)
    with pytest.raises(ConfigurationError) as raised:
        machine.load()
    assert raised.value.message.startswith(f"{name} (from {machine.origin_of(source)}): ")


@pytest.mark.parametrize("source", [DOTENV, FOLDER_TOML])
def test_no_file_holds_the_key_of_a_provider(machine: Machine, source: str) -> None:
    trust_folder(machine.folder)
    machine.say(source, "openai_api_key", "sk-planted")
    loaded = machine.load()
    assert loaded.settings.openai_api_key is None
    assert "openai_api_key" in loaded.warnings[0]
    assert "keyring" in loaded.warnings[0]


def test_a_secret_of_the_wrong_kind_is_not_repeated(machine: Machine) -> None:
    (machine.config / "zava.toml").write_text("master_key = 987654321\n")
    with pytest.raises(ConfigurationError, match="master_key") as raised:
        machine.load()
    assert "987654321" not in f"{raised.value.message}{raised.value.hint}"


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [("postgres_version", "16", 16), ("jit", "on", True), ("prepared_statements", "false", False),
     ("statement_timeout", "0.5", 0.5), ("embedding_dimensions", "256", 256)],
)  # fmt: skip
def test_the_text_of_a_variable_becomes_the_kind_of_value_that_the_setting_has(
    machine: Machine, name: str, text: str, value: object
) -> None:
    machine.say("environment", name, text)
    assert getattr(machine.load().settings, name) == value


def test_secrets_are_known_as_such_and_hidden_in_every_text_of_the_settings(machine: Machine) -> None:
    secrets = {name for name in Settings.model_fields if is_secret(name)}
    assert secrets == {
        "database_url", "admin_url", "master_key", "openai_api_key", "metrics_token", "redis_url",
    }  # fmt: skip
    for name in secrets:
        machine.say("environment", name, GUARDED[name])
    settings = machine.load().settings
    for text in (repr(settings), str(settings), settings.model_dump_json()):
        assert not any(GUARDED[name] in text for name in secrets)


def test_an_empty_variable_counts_as_not_set(machine: Machine) -> None:
    machine.say("environment", "database_url", "")
    assert machine.load().settings.is_embedded


def test_paths_are_made_absolute_and_a_tilde_is_the_home(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(machine.folder)
    monkeypatch.setenv("HOME", "/var/tmp/somebody")
    machine.say("flag", "data_dir", "data")
    machine.say("flag", "log_file", "~/zava.log")
    settings = machine.load().settings
    assert (settings.data_dir, settings.log_file) == (machine.folder / "data", Path("/var/tmp/somebody/zava.log"))


def test_a_list_may_be_an_array_in_a_file_and_has_commas_in_a_variable(machine: Machine) -> None:
    (machine.config / "zava.toml").write_text('http_trusted_proxies = ["10.0.0.1", "2001:db8::/32"]\n')
    machine.say("environment", "oidc_algorithms", "ES256, EdDSA")
    settings = machine.load().settings
    assert (settings.http_trusted_proxies, settings.oidc_algorithms) == (
        ["10.0.0.1", "2001:db8::/32"], ["ES256", "EdDSA"],
    )  # fmt: skip


@pytest.mark.parametrize("url", ["https://login.example/tenant", "http://127.0.0.1:8080", "http://[::1]:8080/realm"])
def test_an_issuer_is_reached_safely_or_on_this_machine(machine: Machine, url: str) -> None:
    machine.say("environment", "oidc_issuer", url)
    assert machine.load().settings.oidc_issuer == url


def test_a_variable_that_is_nearly_a_settings_is_said_to_be_ignored(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ZAVA_DATABSE_URL", "ZAVA_TESTS_ROOT", "zava_pool_max"):
        monkeypatch.setenv(name, "7")
    loaded = machine.load()
    assert loaded.warnings == ["ignored ZAVA_DATABSE_URL: did you mean ZAVA_DATABASE_URL"]
    assert loaded.settings.pool_max == 7


def test_a_name_in_a_dotenv_that_is_nearly_a_settings_is_said_to_be_ignored(machine: Machine) -> None:
    (machine.folder / ".env").write_text("ZAVA_DATABSE_URL=x\nZAVA_TESTS_ROOT=x\n")
    assert machine.load().warnings == ["ignored ZAVA_DATABSE_URL from .env: did you mean ZAVA_DATABASE_URL"]
