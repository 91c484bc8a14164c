"""Every setting of zava, once: its default, its bounds, its description, and whether it is guarded."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, cast
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, SecretStr

from zava_cli.infra.paths import default_data_directory
from zava_cli.infra.setting_types import Algorithms, MetricsToken, Names, Networks, SafeUrl, ScopeNames

ENV_PREFIX = "ZAVA_"

# A relative folder would mean another place to every program that the path is handed to.
FullPath = Annotated[Path, AfterValidator(lambda path: path.expanduser().absolute())]


def _checked_url(value: SecretStr) -> SecretStr:
    try:
        url = urlsplit(value.get_secret_value())
        is_usable = url.scheme in {"postgresql", "postgres"} and (url.port is None or url.port > 0)
    except ValueError:
        is_usable = False
    if not is_usable:
        raise ValueError("this is no URL of the form postgresql://user:password@host:port/database")
    return value


def _checked_redis_url(value: SecretStr) -> SecretStr:
    if not value.get_secret_value().startswith(("redis://", "rediss://", "unix://")):
        raise ValueError("this is no URL of the form rediss://user:password@host:port/0")
    return value


RedisUrl = Annotated[SecretStr, AfterValidator(_checked_redis_url)]
DatabaseUrl = Annotated[SecretStr, AfterValidator(_checked_url)]
# Every variable is a text, and a Literal compares without converting.
ServerVersion = Annotated[Literal[16, 18], BeforeValidator(lambda value: {"16": 16, "18": 18}.get(str(value), value))]


def _setting(default: Any, description: str, *, guarded: bool = False, **bounds: Any) -> Any:
    """A field; `guarded` ones may not come from an untrusted folder."""
    return Field(default=default, description=description, json_schema_extra={"guarded": guarded}, **bounds)


class Settings(BaseModel, frozen=True, extra="forbid"):
    """The settings of one process, already merged from all sources."""

    profile: str = _setting(
        "default", "Name of the database to work with", guarded=True, pattern=r"^[a-z][a-z0-9_-]{0,40}$"
    )
    identity: str | None = _setting(
        None, "Who asks: a manager's name, e-mail or id, or a store's name or city", guarded=True
    )
    database_url: DatabaseUrl | None = _setting(
        None, "Where PostgreSQL is, as the gateway login; empty means the embedded server", guarded=True
    )
    admin_url: DatabaseUrl | None = _setting(
        None, "Administrator's login for migrate, seed, import and embed", guarded=True
    )
    data_dir: FullPath = Field(
        default_factory=default_data_directory,
        description="Folder of the embedded server and the keys",
        json_schema_extra={"guarded": True},
    )
    postgres_version: ServerVersion = _setting(18, "Version of the embedded server")
    role_prefix: str = _setting(
        "zava_", "Put in front of every role name in PostgreSQL", guarded=True, pattern=r"^[a-z][a-z0-9_]{0,20}$"
    )
    master_key: SecretStr | None = _setting(
        None, "Keys that sign for every manager, VERSION:KEY each; empty means the key file", guarded=True
    )
    manager_key_file: FullPath | None = _setting(
        None, "A manager's own key file, which signs for them alone; no master key is needed then", guarded=True
    )
    time_zone: str = _setting("America/Los_Angeles", "Business time zone that a new database gets")
    statement_timeout: float = _setting(
        30.0, "Seconds after which a query, with all that it waits for, is cancelled", gt=0, le=3600
    )
    read_attempts: int = _setting(
        5, "How often a read is tried whose connection breaks or cannot be had; 1 means once", ge=1, le=20
    )
    pool_min: int = _setting(2, "Connections kept open while serving", ge=1, le=100)
    pool_max: int = _setting(
        10, "Most connections of a process while serving, beside two for tokens and health", ge=2, le=500
    )
    pool_wait: float = _setting(5.0, "Seconds that a request waits for its turn at a connection", gt=0, le=300)
    pool_idle: float = _setting(300.0, "Seconds after which an idle connection is closed", ge=1)
    connect_timeout: float = _setting(10.0, "Seconds to wait for a connection", gt=0, le=300)
    jit: bool = _setting(False, "PostgreSQL's just-in-time compilation")
    work_mem: str = _setting("4MB", "PostgreSQL's work_mem for queries", pattern=r"^[0-9]+(kB|MB|GB)$")
    index_memory: str | None = _setting(
        None, "Most memory to build an index in; empty means a quarter of the embedded server's machine, elsewhere "
        "the server's maintenance_work_mem", pattern=r"^[0-9]+(kB|MB|GB)$",
    )  # fmt: skip
    application_name: str | None = _setting(None, "Name in pg_stat_activity; empty means zava-cli or zava-mcp-server")
    prepared_statements: bool = _setting(True, "Cache zava's own prepared statements; off behind old poolers")
    query_max_bytes: int = _setting(65_536, "Longest query text, in bytes", ge=1_000, le=1_000_000)
    table_rows: int = _setting(500, "Most rows that a table on a terminal shows", ge=1)
    serve_rows: int = _setting(1_000, "Most rows that a tool returns", ge=1, le=100_000)
    serve_bytes: int = _setting(1_000_000, "Most bytes of rows that a tool returns", ge=1_000)
    cache_seconds: float = _setting(
        300.0, "Seconds that a server keeps an answer to give it again; 0 keeps none", ge=0, le=86_400
    )
    cache_bytes: int = _setting(64_000_000, "Most bytes of answers that it keeps in memory", ge=100_000)
    cache_entries: int = _setting(10_000, "Most answers that it keeps in memory", ge=1)
    redis_url: RedisUrl | None = _setting(
        None, "Redis that several servers keep answers in, sealed; empty means each one's memory", guarded=True
    )
    serve_grace: float = _setting(5.0, "Seconds that running requests get when the server stops", ge=0)
    http_host: str = _setting("127.0.0.1", "Address that `zava serve --http` listens on", guarded=True)
    http_port: int = _setting(8000, "Port that it listens on; 0 takes any that is free", ge=0, le=65_535)
    http_public_url: str | None = _setting(
        None, "URL that clients reach it at, where that differs, such as https://zava.example", guarded=True
    )
    http_allowed_hosts: Names = _setting(
        [], "Host headers to accept beside the address itself, separated by commas", guarded=True
    )
    http_workers: int = _setting(
        1, "Processes that answer; each has pools of its own, and more than one keep no sessions",
        ge=1, le=64,
    )  # fmt: skip
    http_sessions: bool = _setting(True, "Keep sessions for clients of older protocol versions")
    http_json: bool = _setting(True, "Answer those clients with JSON instead of event streams")
    http_body_bytes: int = _setting(1_000_000, "Most bytes of a request's body", ge=10_000)
    http_connections: int = _setting(1_000, "Most connections of a process at once; further ones get 503", ge=1)
    http_rate: float = _setting(50.0, "Requests a second that one identity may make over HTTP, of all processes", gt=0)
    http_tls_certificate: FullPath | None = _setting(None, "Certificate chain (PEM); makes it https", guarded=True)
    http_tls_key: FullPath | None = _setting(None, "Private key of that certificate (PEM)", guarded=True)
    oidc_issuer: SafeUrl | None = _setting(
        None, "Issuer of the JWTs that are accepted over HTTP, exactly as in their iss; empty means none", guarded=True
    )
    oidc_audience: str | None = _setting(None, "What the aud of a JWT must name", guarded=True)
    oidc_jwks_url: SafeUrl | None = _setting(
        None, "Where the issuer's keys are; empty means where its discovery document says", guarded=True
    )
    oidc_algorithms: Algorithms = _setting(["RS256", "ES256"], "Signatures that are accepted", guarded=True)
    oidc_manager_claim: str = _setting(
        "email", "Claim with the e-mail or id of the manager", guarded=True, min_length=1
    )
    oidc_scope_claim: str | None = _setting(
        None, "Claim with the scopes; empty means scope, or else scp", guarded=True, min_length=1
    )
    oidc_scopes: ScopeNames = _setting(
        ["zava:reports", "zava:search", "zava:sql"], "How the issuer calls reports, search and sql", guarded=True
    )
    http_identity_header: str | None = _setting(
        None, "Header in which a listed proxy names the manager by e-mail or id", guarded=True,
        pattern=r"^[A-Za-z][A-Za-z0-9-]*$",
    )  # fmt: skip
    http_trusted_proxies: Networks = _setting(
        [], "Addresses or networks of the proxies whose identity header is believed", guarded=True
    )
    http_identity_scopes: Names = _setting(
        ["reports", "search", "sql"], "What a manager whom a proxy names may use", guarded=True
    )
    embedding_provider: Literal["local", "onnx", "openai"] = _setting("local", "Who makes embeddings", guarded=True)
    embedding_model: str | None = _setting(
        None, "Model of that provider; empty means its default", guarded=True, max_length=200
    )
    embedding_dimensions: int | None = _setting(None, "Dimensions to ask for", ge=64, le=3072)
    embedding_query_prefix: str = _setting("", "What a remote model wants in front of questions", max_length=500)
    embedding_document_prefix: str = _setting("", "What it wants in front of products' texts", max_length=500)
    embedding_base_url: str | None = _setting(None, "Base URL of an OpenAI-compatible service", guarded=True)
    embedding_api_version: str | None = _setting(
        None, "API version of an Azure OpenAI resource, whose address is the base URL", guarded=True,
        pattern=r"^[A-Za-z0-9.-]{1,40}$",
    )  # fmt: skip
    embedding_threshold: float | None = _setting(
        None, "Lowest similarity that search shows; empty means the model's own", ge=-1, le=1
    )
    embedding_timeout: float = _setting(30.0, "Seconds to wait for the provider", gt=0, le=600)
    embedding_concurrency: int = _setting(4, "Requests to the provider at the same time", ge=1, le=64)
    embedding_rate: float | None = _setting(None, "Most requests a minute to the provider; empty means any", gt=0)
    embedding_price: float | None = _setting(
        None, "What a million tokens cost at the provider, for `zava embed --dry-run`", ge=0
    )
    embedding_attempts: int = _setting(10, "Tries after which a product's embedding is given up", ge=1, le=100)
    openai_api_key: SecretStr | None = _setting(
        None, "Key of the openai provider; OPENAI_API_KEY and the system's keyring work too", guarded=True
    )
    thesaurus: FullPath | None = _setting(
        None, "File with a shop's own synonyms for search, beside those of zava", guarded=True
    )
    rerank_model: str | None = _setting(
        None, "Cross-encoder that puts the best products of a search in order: a name in the hub's cache or a folder",
        guarded=True, min_length=1, max_length=1000,
    )  # fmt: skip
    rerank_timeout: float = _setting(
        5.0, "Seconds after which search keeps its own order, without that model's", gt=0, le=600
    )
    audit_sql: Literal["full", "hash"] = _setting(
        "full", "What the audit log keeps of SQL: its text and hash, or its hash alone", guarded=True
    )
    audit_keep_months: int = _setting(
        13, "Whole months of the audit log to keep beside the current one", guarded=True, ge=1, le=1200
    )
    metrics_token: MetricsToken | None = _setting(
        None, "Bearer token for /metrics and /stats; without it or metrics_port they do not exist", guarded=True
    )
    metrics_port: int | None = _setting(
        None, "Serve /metrics and /stats on this port of 127.0.0.1 alone; 0 takes any that is free", guarded=True,
        ge=0, le=65_535,
    )  # fmt: skip
    metrics_file: FullPath | None = _setting(
        None, "File that a server writes its metrics to when it ends", guarded=True
    )
    slow_query_seconds: float = _setting(1.0, "Time from which a query counts as slow and is logged", gt=0)
    slow_query_plan: bool = _setting(False, "Log the plan of a slow query too, as its caller may see it")
    otel_endpoint: SafeUrl | None = _setting(
        None, "OTLP collector (http/protobuf) that gets traces; OTEL_EXPORTER_OTLP_ENDPOINT works too", guarded=True
    )
    log_level: Literal["debug", "info", "warning", "error"] = _setting("warning", "Least severe line that is logged")
    log_file: FullPath | None = _setting(None, "Log to this file instead of stderr", guarded=True)

    @property
    def is_embedded(self) -> bool:
        """Whether the database is the embedded server."""
        return self.database_url is None


def is_guarded(name: str) -> bool:
    """Whether a setting may not come from a folder that is not trusted."""
    extra = Settings.model_fields[name].json_schema_extra
    return isinstance(extra, dict) and extra.get("guarded") is True


def is_secret(name: str) -> bool:
    """Whether a setting's value must never be shown."""
    return "SecretStr" in str(Settings.model_fields[name].annotation)


def as_text(value: object) -> str:
    """A setting's value as one would write it into a variable."""
    return ",".join(map(str, cast("list[object]", value))) if isinstance(value, list) else str(value)
