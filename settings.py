"""All settings of the server, read from the environment (and a .env file) in this module only."""

from __future__ import annotations

import hashlib
import os
import re
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlsplit

from platformdirs import user_data_dir
from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, DotEnvSettingsSource, NoDecode, SettingsConfigDict

SHARED_FIGURES = "PROMETHEUS_MULTIPROC_DIR"
PREFIX = "NOTECHONDRIA_"
ENV_FILE = ".env"
EMBEDDED_DATABASE = "notechondria"
LONGEST_SOCKET_FOLDER = 88
"""Bytes. A socket's whole path is limited to some 104 of them by the operating systems."""
ESCAPES = "inside user and password : / @ % are written %3A %2F %40 %25"


class SettingsError(Exception):
    """The environment holds a value that cannot be used, or the .env file cannot be read."""


def _words(value: object) -> object:
    return tuple(word for word in re.split(r"[,\s]+", value) if word) if isinstance(value, str) else value


def _origin(value: str) -> str:
    value = value.strip().rstrip("/")
    if not re.fullmatch(r"https?://[^/?#\s@]+", value):
        raise ValueError("it must look like https://notes.example.org, without a path")
    return value


def _web_address(value: str) -> str:
    value = value.strip()
    if not re.fullmatch(r"https?://[^/?#\s]+\S*", value):
        raise ValueError("it must be an address that begins with http:// or https://")
    return value


def _host(value: str) -> str:
    try:
        value.encode("idna")
    except UnicodeError:
        raise ValueError("it is no host's name: between its dots stand 1 to 63 characters") from None
    return value


def _place_of_files(value: str) -> str:
    value = value.strip()
    if "://" not in value and not value.startswith(("/", "~")):
        # Taken from wherever the server happens to be started, files would be missing after the next start from elsewhere.
        raise ValueError("it must be a whole path, or an address such as s3://bucket/prefix")
    return value


def _database_address(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if text.startswith("postgres://"):
        return SecretStr("postgresql" + text.removeprefix("postgres"))
    if not text.startswith("postgresql://") and "=" not in text:
        raise ValueError("it must look like postgresql://user:password@host:5432/name")
    # Only now: assistants' clients read settings as well, and start sooner without it.
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    # What cannot be read is not repeated, nor what stands where host and port should: all may be parts of a password.
    try:
        parts = conninfo_to_dict(text)
    except ProgrammingError as error:
        reason = re.split('["\\n]', str(error))[0].rstrip(": ")
        raise ValueError(f"it cannot be read ({reason}); {ESCAPES}") from None
    if "@" in str(parts.get("host")):
        raise ValueError(f"it holds more than one @; {ESCAPES}")
    ports = str(parts.get("port") or "").split(",")
    if not all(port == "" or (port.isdecimal() and 1 <= int(port) <= 65535) for port in ports):
        raise ValueError(f"its port must be a number from 1 to 65535; {ESCAPES}")
    return value


def _networks(value: tuple[str, ...]) -> tuple[str, ...]:
    for entry in value:
        if entry != "*":
            ip_network(entry, strict=False)
    return value


def _home_folder() -> str | None:
    try:
        return user_data_dir("notechondria")
    except RuntimeError:
        return None


def _given(value: object) -> object:
    if value is None:
        raise ValueError("it has to be set, because this user has no home folder")
    return value


def _absolute(value: Path) -> Path:
    try:
        return value.expanduser().absolute()
    except RuntimeError as error:
        raise ValueError("there is no such home folder") from error


Folder = Annotated[Path, BeforeValidator(_given), AfterValidator(_absolute)]
Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_words)]
Networks = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_words), AfterValidator(_networks)]
Host = Annotated[str, AfterValidator(_host)]
Origin = Annotated[str, AfterValidator(_origin)]
WebAddress = Annotated[str, AfterValidator(_web_address)]


def _setting(default: Any, description: str, *others: str, shown: str | None = None, **more: Any) -> Any:
    """A field. others: further names under which it is read, the prefixed one first; shown: the default in the documentation,
    where it depends on the machine.
    """
    return Field(default, description=description, json_schema_extra={"others": list(others), "shown": shown}, **more)


class Settings(BaseSettings):
    """What an operator can choose. Every name works with the prefix NOTECHONDRIA_; docs/settings.md is made from this class."""

    model_config = SettingsConfigDict(
        env_ignore_empty=True, env_file=ENV_FILE, extra="ignore", frozen=True, populate_by_name=True, hide_input_in_errors=True
    )

    data_dir: Folder = _setting(
        _home_folder(), "Folder for everything that the server stores", shown="~/.local/share/notechondria", validate_default=True
    )
    database_url: Annotated[SecretStr, AfterValidator(_database_address)] | None = _setting(
        None, "PostgreSQL 15 or newer; unset: an embedded PostgreSQL 18 inside the data folder", "DATABASE_URL"
    )

    postgre_host: str | None = _setting(None, "Database server, if DATABASE_URL is unset", "POSTGRE_HOST")
    postgre_port: int = _setting(5432, "Port of the database server", "POSTGRE_PORT", ge=1, le=65535)
    postgre_db: str = _setting("postgres", "Name of the database", "POSTGRE_DB")
    postgre_username: str | None = _setting(None, "User of the database", "POSTGRE_USERNAME")
    postgre_password: SecretStr | None = _setting(None, "Password of that user", "POSTGRE_PASSWORD")
    database_wait_seconds: int = _setting(60, "Seconds that the start waits for the database", shown="60; 300 with `start`", ge=0, le=3600)

    host: str = _setting("127.0.0.1", "Address to listen on", min_length=1)
    port: int = _setting(8000, "Port to listen on; 0 picks a free one", "PORT", ge=0, le=65535)
    workers: int = _setting(min(4, os.cpu_count() or 1), "API processes", "WEB_CONCURRENCY", shown="one per core, at most 4", ge=1, le=64)
    drain_seconds: int = _setting(20, "Seconds that running requests may take to end after SIGTERM", ge=0, le=3600)
    public_origin: Origin | None = _setting(None, "Origin under which clients reach the server, if it differs from the Host header")
    allowed_hosts: Words = _setting(
        (),
        "Host names that are served; .example.org includes subdomains, * means all. Web apps on these hosts may call the API",
        "DJANGO_ALLOWED_HOSTS",
        shown="localhost, addresses, names without a dot, and the hosts of the next two and of NOTECHONDRIA_PUBLIC_ORIGIN",
    )
    render_external_hostname: str | None = _setting(None, "Host name of the service at Render, which sets it", "RENDER_EXTERNAL_HOSTNAME")
    backend_custom_domain: str | None = _setting(None, "A further host name that is served", "BACKEND_CUSTOM_DOMAIN")
    trusted_origins: Words = _setting(
        (),
        "Origins of web apps that may call the API; https://*.example.org includes subdomains, * means all",
        "DJANGO_CSRF_TRUSTED_ORIGINS",
        shown="FRONTEND_ORIGIN, which always counts, any port of this machine, and the hosts above",
    )
    trusted_proxies: Networks = _setting((), "Addresses or networks of proxies whose X-Forwarded-* headers are trusted; * means all")

    secret_key: SecretStr | None = _setting(None, "Key for digests; unset: generated once and kept in the database", "DJANGO_SECRET_KEY")
    rate_limits: bool = _setting(True, "Request limits per account and address (limits on guessing secrets are always on)")
    requests_per_minute: int = _setting(1200, "Requests per minute of one account", ge=1, le=10_000_000)
    anonymous_requests_per_minute: int = _setting(
        600, "Requests per minute from one network address by callers who are not signed in", ge=1, le=10_000_000
    )
    requests_at_once: int = _setting(64, "Concurrent requests of one account or address, per process", ge=1, le=100_000)
    request_seconds: int = _setting(120, "Seconds until a response must begin, not counting the upload of the body", ge=1, le=3600)
    metrics_allowed: Networks = _setting(
        ("127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"),
        "Addresses or networks that may read /metrics; others get 404; * means all",
        shown="this machine and private networks",
    )
    metrics_folder: Path | None = _setting(None, "Where the processes of one server add up metrics; set by `serve`", SHARED_FIGURES)
    revoke_sessions_on_start: bool = _setting(False, "End all sessions at every start")

    smtp_host: Host | None = _setting(None, "Mail server; unset: mails are written to the outbox in the data folder", "SMTP_HOST")
    smtp_port: int = _setting(587, "Port of the mail server", "SMTP_PORT", ge=1, le=65535)
    smtp_username: str | None = _setting(None, "User name at the mail server", "SMTP_USERNAME")
    smtp_password: SecretStr | None = _setting(None, "Password at the mail server", "SMTP_PASSWORD")
    smtp_use_tls: bool = _setting(True, "STARTTLS after connecting", "SMTP_USE_TLS")
    smtp_use_ssl: bool = _setting(False, "TLS from the first byte; takes precedence over SMTP_USE_TLS", "SMTP_USE_SSL")
    smtp_ca_file: Path | None = _setting(
        None, "Certificates (PEM) that the mail server's is checked against; unset: the system's", "SMTP_CA_FILE"
    )
    smtp_from_email: str | None = _setting(
        None, "Sender of mails", "SMTP_FROM_EMAIL", shown="SMTP_USERNAME, else no-reply@notechondria.local"
    )
    code_ttl_hours: int = _setting(24, "Hours that a registration code is valid", "SMTP_EMAIL_VERIFICATION_TTL_HOURS", ge=1, le=8760)
    settings_change_email: bool = _setting(True, "The settings may change the email address without a code; off: only set the first one")
    frontend_origin: Origin | None = _setting(
        None, "Origin of the web apps, to which sign-in with Google or GitHub returns", "FRONTEND_ORIGIN"
    )
    frontend_verify_url: WebAddress | None = _setting(None, "Page that mails with codes link to", "FRONTEND_VERIFY_URL")

    google_client_id: str | None = _setting(None, "Client id for sign-in with Google; unset: off", "GOOGLE_OAUTH_CLIENT_ID")
    google_client_secret: SecretStr | None = _setting(None, "Client secret for Google", "GOOGLE_OAUTH_CLIENT_SECRET")
    google_redirect_uri: WebAddress | None = _setting(None, "Address that ends in /auth/google/callback", "GOOGLE_AUTHORIZED_REDIRECT_URI")
    google_authorize_url: WebAddress = _setting("https://accounts.google.com/o/oauth2/v2/auth", "Google's consent page")
    google_token_url: WebAddress = _setting("https://oauth2.googleapis.com/token", "Google's token endpoint")
    google_userinfo_url: WebAddress = _setting("https://openidconnect.googleapis.com/v1/userinfo", "Google's profile endpoint")
    google_tokeninfo_url: WebAddress = _setting("https://oauth2.googleapis.com/tokeninfo", "Google's endpoint that checks identity tokens")
    github_client_id: str | None = _setting(None, "Client id for sign-in with GitHub; unset: off", "GITHUB_APP_CLIENT_ID")
    github_client_secret: SecretStr | None = _setting(None, "Client secret for GitHub", "GITHUB_APP_CLIENT_SECRET")
    github_redirect_uri: WebAddress | None = _setting(None, "Address that ends in /auth/github/callback", "GITHUB_AUTHORIZED_REDIRECT_URI")
    github_authorize_url: WebAddress = _setting("https://github.com/login/oauth/authorize", "GitHub's consent page")
    github_token_url: WebAddress = _setting("https://github.com/login/oauth/access_token", "GitHub's token endpoint")
    github_api_url: WebAddress = _setting("https://api.github.com", "GitHub's API")

    superuser_username: str = _setting("admin", "Name of the administrator", "NOTECHONDRIA_ADMIN_USERNAME", "DJANGO_SUPERUSER_USERNAME")
    superuser_email: str | None = _setting(
        None, "Email address of the administrator", "NOTECHONDRIA_ADMIN_EMAIL", "DJANGO_SUPERUSER_EMAIL", shown="<name>@localhost"
    )
    superuser_password: SecretStr | None = _setting(
        None, "Administrator's password; unset: none is created", "NOTECHONDRIA_ADMIN_PASSWORD", "DJANGO_SUPERUSER_PASSWORD"
    )
    bootstrap_sample_content: bool = _setting(True, "Create the sample courses at the first start", "BOOTSTRAP_SAMPLE_CONTENT")
    sample_root: Path | None = _setting(None, "Folder with sample courses; unset: those that come with the server", "SAMPLE_ROOT")

    mcp_allowed_origins: Words = _setting((), "Origins of web pages that may call /mcp, besides the server's own and the web apps'")

    allow_private_feeds: bool = _setting(False, "Fetch calendar feeds from private networks too")
    feed_allowed_hosts: Words = _setting((), "Hosts and networks from which calendar feeds are fetched even if they are private")
    media_url: Origin | None = _setting(None, "Origin of a cache in front of /media/, used for media URLs in responses")
    attachments_url: Annotated[str, AfterValidator(_place_of_files)] | None = _setting(
        None, "Store for uploads: a folder, s3://bucket/prefix, gs:// or az://; unset: the data folder"
    )
    cloudflare_r2_bucket_name: str | None = _setting(None, "Bucket for uploads at Cloudflare R2; unset: off", "CLOUDFLARE_R2_BUCKET_NAME")
    cloudflare_r2_account_id: str | None = _setting(None, "Cloudflare account of the bucket", "CLOUDFLARE_R2_ACCOUNT_ID")
    cloudflare_r2_access_key_id: str | None = _setting(None, "Access key id for the bucket", "CLOUDFLARE_R2_ACCESS_KEY_ID")
    cloudflare_r2_secret_access_key: SecretStr | None = _setting(None, "Secret key for the bucket", "CLOUDFLARE_R2_SECRET_ACCESS_KEY")
    attachments_quota_mb: int | None = _setting(None, "Megabytes of attachments and covers per account; unset: no limit", ge=1)
    bin_retention_days: int | None = _setting(
        None, "Days after which deleted notes and attachments are purged; unset: never", ge=1, le=36500
    )

    otel_endpoint: WebAddress | None = _setting(
        None, "OTLP/HTTP endpoint for OpenTelemetry traces; unset: no traces", "OTEL_EXPORTER_OTLP_ENDPOINT"
    )
    backend_version: str = _setting("", "Version reported by the handshake", "BACKEND_VERSION", shown="the installed release")
    build_commit: str = _setting("", "Commit reported by the handshake", "BACKEND_BUILD_COMMIT", "RENDER_GIT_COMMIT", shown="empty")
    build_time: str = _setting("", "Build time reported by the handshake", "BACKEND_BUILD_TIME", shown="empty")
    deploy_target: str = _setting("", "Kind of deployment reported by the handshake", "BACKEND_DEPLOY_TARGET", shown="empty")
    min_frontend_version: str = _setting("", "Oldest web apps that work with this server", "MIN_FRONTEND_VERSION", shown="empty")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = _setting("INFO", "Lowest level logged", "DJANGO_LOG_LEVEL")
    access_log_force_color: bool = _setting(
        False, "Colour request lines even if the log is not a terminal", "DJANGO_ACCESS_LOG_FORCE_COLOR"
    )
    log_format: Literal["auto", "console", "json"] = _setting("auto", "`console` (lines for people) or `json`; `auto` means console")

    @model_validator(mode="after")
    def _complete(self) -> Settings:
        """The database's address out of its parts, and whether a bucket comes with all that it needs."""
        if self.database_url is None and self.postgre_host is not None:
            parts = {
                "host": self.postgre_host,
                "port": str(self.postgre_port),
                "dbname": self.postgre_db,
                "user": self.postgre_username,
                "password": self.postgre_password.get_secret_value() if self.postgre_password else None,
            }
            quoted = (f"{name}={_quoted(value)}" for name, value in parts.items() if value)
            object.__setattr__(self, "database_url", SecretStr(" ".join(quoted)))
        if self.cloudflare_r2_bucket_name is not None:
            for name in ("account_id", "access_key_id", "secret_access_key"):
                if getattr(self, f"cloudflare_r2_{name}") is None:
                    raise ValueError(f"a bucket at Cloudflare R2 needs CLOUDFLARE_R2_{name.upper()} as well")
        return self

    def conninfo(self) -> str:
        """Where the database is: the configured one, else the embedded server's socket (which must have been started)."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return embedded_conninfo(self.data_dir)

    @property
    def own_hosts(self) -> tuple[str, ...]:
        """Names that the environment gives the server."""
        public = urlsplit(self.public_origin).hostname if self.public_origin else None
        return tuple(filter(None, (self.render_external_hostname, self.backend_custom_domain, public)))

    @property
    def reserved_username(self) -> str | None:
        """The name that is kept for the administrator, where one is configured."""
        return self.superuser_username if self.superuser_password is not None else None

    @property
    def outbox(self) -> Path:
        """Where mails go while no mail server is configured."""
        return self.data_dir / "outbox"

    @property
    def mail_configured(self) -> bool:
        """Whether mails go to a mail server (contract: accounts 7.2)."""
        return bool(self.smtp_host)

    @property
    def mail_sender(self) -> str:
        """The From address (contract: accounts 15)."""
        return self.smtp_from_email or self.smtp_username or "no-reply@notechondria.local"


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _name_variables() -> None:
    """Gives each field its names in the environment: the prefixed one, then those of the predecessor."""
    for name, field in Settings.model_fields.items():
        field.validation_alias = AliasChoices(*variables(name, field))
    Settings.model_rebuild(force=True)


def variables(name: str, field: FieldInfo) -> list[str]:
    """Names of a field in the environment; the first that is set wins."""
    others = field.json_schema_extra["others"] if isinstance(field.json_schema_extra, dict) else []
    assert isinstance(others, list)
    own = PREFIX + name.upper()
    also = [PREFIX + str(other) for other in others if not str(other).startswith(("DJANGO_", PREFIX))]
    return list(dict.fromkeys([own, *also, *map(str, others)]))


_name_variables()


class ClientSettings(BaseSettings):
    """What `notechondria mcp` reads: the server that it is a client of, and the key for it."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True)

    api_url: str | None = None
    api_key: SecretStr | None = None
    config: Path | None = None


def load_client_settings() -> ClientSettings:
    """The client's settings of the environment."""
    return ClientSettings()


def embedded_socket_folder(data_dir: Path) -> Path:
    """Folder of the embedded server's socket: its own data, or one below /tmp when that path is too long for a socket."""
    inside = data_dir.expanduser().absolute() / "postgres"
    if len(os.fsencode(inside)) <= LONGEST_SOCKET_FOLDER:
        return inside
    digest = hashlib.sha256(os.fsencode(inside)).hexdigest()[:16]
    return Path("/tmp") / f"notechondria-{digest}"  # noqa: S108 - must be short and the same in all processes; its owner is checked


def embedded_conninfo(data_dir: Path, database: str = EMBEDDED_DATABASE) -> str:
    """Address of a database of the embedded server in the data folder."""
    return f"postgresql://postgres@/{database}?host={quote(str(embedded_socket_folder(data_dir)), safe='')}"


def load_settings(**chosen: Any) -> Settings:
    """The settings of the environment; what is given here wins. SettingsError tells in one sentence which variable is wrong."""
    try:
        return Settings(**chosen)
    except ValidationError as error:
        raise SettingsError(" ".join(_sentence(detail["loc"], detail["msg"]) for detail in error.errors())) from None
    except OSError as error:
        raise SettingsError(f"{Path(ENV_FILE).absolute()} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{Path(ENV_FILE).absolute()} cannot be read: it is not UTF-8.") from None


def tell_figures_folder(folder: Path) -> None:
    """For the library that counts, which reads the name of the folder in the environment."""
    os.environ[SHARED_FIGURES] = str(folder)


def _env_file() -> dict[str, str | None]:
    """What the .env file sets, under the names of fields."""
    return {name.upper(): value for name, value in DotEnvSettingsSource(Settings).env_vars.items()}


def _sentence(location: tuple[int | str, ...], message: str) -> str:
    found = str(location[0]) if location else "The settings"
    for name, field in Settings.model_fields.items():
        names = variables(name, field)
        if found == name or found in names:
            found = next((variable for place in (os.environ, _env_file()) for variable in names if place.get(variable)), names[0])
            break
    reason = message.removeprefix("Value error, ").strip()
    return f"{found} cannot be used: {reason[0].lower() + reason[1:]}."
