"""What the environment may say, and how it is told that it says something wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli.settings_table import table
from settings import Settings, SettingsError, embedded_socket_folder, load_settings, variables


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, field in Settings.model_fields.items():
        for variable in variables(name, field):
            monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)


def test_documentation_lists_every_setting() -> None:
    assert (Path(__file__).parents[2] / "docs" / "settings.md").read_text() == table()


def test_defaults_need_no_environment() -> None:
    settings = load_settings()
    assert settings.port == 8000
    assert settings.database_url is None
    assert settings.bin_retention_days is None


@pytest.mark.parametrize(
    ("variable", "name", "value"),
    [
        ("SMTP_HOST", "smtp_host", "mail.example.org"),
        ("NOTECHONDRIA_SMTP_HOST", "smtp_host", "mail.example.org"),
        ("GOOGLE_OAUTH_CLIENT_ID", "google_client_id", "id"),
        ("NOTECHONDRIA_GOOGLE_OAUTH_CLIENT_ID", "google_client_id", "id"),
        ("NOTECHONDRIA_GOOGLE_CLIENT_ID", "google_client_id", "id"),
        ("DJANGO_SUPERUSER_USERNAME", "superuser_username", "root"),
        ("NOTECHONDRIA_SUPERUSER_USERNAME", "superuser_username", "root"),
        ("NOTECHONDRIA_ADMIN_USERNAME", "superuser_username", "root"),
        ("NOTECHONDRIA_ADMIN_EMAIL", "superuser_email", "root@example.org"),
        ("DJANGO_SUPERUSER_EMAIL", "superuser_email", "root@example.org"),
        ("FRONTEND_ORIGIN", "frontend_origin", "https://apps.example.org"),
    ],
)
def test_own_and_inherited_names_are_read(monkeypatch: pytest.MonkeyPatch, variable: str, name: str, value: str) -> None:
    monkeypatch.setenv(variable, value)
    assert getattr(load_settings(), name) == value


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("mysql://db/notes", "it must look like"),
        ("postgresql://ada:pa%zz-1@db/notes", "(invalid percent-encoded token)"),
        ("postgresql://ada:pa-1@2@db/notes", "it holds more than one @"),
        ("postgresql://ada:pa-1/2@db/notes", "its port must be a number"),
        ("postgresql://ada:pa-1@[::1/notes", "it cannot be read"),
        ("postgresql://ada:pa-1@db:65536/notes", "its port must be a number"),
    ],
)
def test_unusable_address_of_the_database_is_told_without_its_password(
    monkeypatch: pytest.MonkeyPatch, address: str, sentence: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", address)
    with pytest.raises(SettingsError, match="DATABASE_URL cannot be used") as caught:
        load_settings()
    assert sentence in str(caught.value)
    assert "pa-1" not in str(caught.value)
    assert "pa%" not in str(caught.value)


def test_a_user_without_a_home_folder_needs_a_data_folder_and_nothing_else(tmp_path: Path) -> None:
    # As in containers that run under a number for which the image has no user.
    program = "import os; os.getuid = lambda: 4_000_000; import settings; print(settings.load_settings().data_dir)"
    homeless = {name: value for name, value in os.environ.items() if name != "HOME"}

    def run(**chosen: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-c", program], env=homeless | chosen, capture_output=True, text=True, check=False)

    assert run(NOTECHONDRIA_DATA_DIR=str(tmp_path)).stdout == f"{tmp_path}\n"
    assert "NOTECHONDRIA_DATA_DIR cannot be used: it has to be set" in run().stderr.splitlines()[-1]


def test_a_store_of_files_is_named_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    for place in ("/srv/files", "~/files", "s3://bucket/prefix"):
        monkeypatch.setenv("NOTECHONDRIA_ATTACHMENTS_URL", place)
        assert load_settings().attachments_url == place
    monkeypatch.setenv("NOTECHONDRIA_ATTACHMENTS_URL", "files")
    with pytest.raises(SettingsError, match="NOTECHONDRIA_ATTACHMENTS_URL cannot be used: it must be a whole path"):
        load_settings()


@pytest.mark.parametrize(
    "address", ["postgres://ada:a%40b@db:5432,two:5433/notes", "postgresql:///notes?host=/run/db", "host=db dbname=notes"]
)
def test_addresses_of_databases(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("DATABASE_URL", address)
    assert load_settings().database_url is not None


def test_own_name_wins_over_the_inherited_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "1")
    monkeypatch.setenv("NOTECHONDRIA_PORT", "2")
    assert load_settings().port == 2


def test_empty_value_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTECHONDRIA_PORT", "")
    monkeypatch.setenv("SMTP_PORT", "")
    monkeypatch.setenv("DATABASE_URL", "")
    settings = load_settings()
    assert (settings.port, settings.smtp_port, settings.database_url) == (8000, 587, None)


def test_env_file_fills_what_is_not_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SMTP_HOST=file.example.org\nSMTP_PORT=2525\nSOMETHING_ELSE=1\n")
    monkeypatch.setenv("SMTP_HOST", "set.example.org")
    settings = load_settings()
    assert (settings.smtp_host, settings.smtp_port) == ("set.example.org", 2525)


def test_lists_are_separated_by_commas_or_blanks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_ALLOWED_HOSTS", "a.example.org, b.example.org  c.example.org")
    assert load_settings().allowed_hosts == ("a.example.org", "b.example.org", "c.example.org")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("NOTECHONDRIA_PORT", "eight"),
        ("PORT", "70000"),
        ("NOTECHONDRIA_RATE_LIMITS", "sometimes"),
        ("SMTP_PORT", "0"),
        ("SMTP_HOST", "smtp..example.org"),
        ("FRONTEND_ORIGIN", "apps.example.org"),
        ("DATABASE_URL", "mysql://localhost/notes"),
        ("NOTECHONDRIA_TRUSTED_PROXIES", "10.0.0.0/8, nonsense"),
        ("NOTECHONDRIA_LOG_LEVEL", "LOUD"),
        ("NOTECHONDRIA_BIN_RETENTION_DAYS", "-1"),
    ],
)
def test_bad_value_is_told_in_one_sentence_that_names_the_variable(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    message = str(caught.value)
    assert message.startswith(f"{variable} cannot be used: ")
    assert message.endswith(".")
    assert "\n" not in message


def test_bad_value_of_the_env_file_is_told_under_the_name_that_stands_there(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=abc\n")
    with pytest.raises(SettingsError, match=r"^PORT cannot be used: "):
        load_settings()


def test_env_file_that_cannot_be_read_is_told_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"PORT=\xff\n")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert str(caught.value) == f"{tmp_path}/.env cannot be read: it is not UTF-8."
    (tmp_path / ".env").unlink()
    # No mode keeps root out; this one is a plain file whose beginning nobody can read.
    (tmp_path / ".env").symlink_to("/proc/self/mem")
    with pytest.raises(SettingsError, match=r"/\.env cannot be read: Input/output error\.$"):
        load_settings()


def test_bad_address_does_not_tell_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "mysql://me:hunter2@localhost/notes")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert "hunter2" not in str(caught.value)


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("DJANGO_SECRET_KEY", "SMTP_PASSWORD", "NOTECHONDRIA_ADMIN_PASSWORD", "GOOGLE_OAUTH_CLIENT_SECRET"):
        monkeypatch.setenv(variable, "hunter2")
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:hunter2@localhost/notes")
    assert "hunter2" not in repr(load_settings())


def test_data_folder_may_be_given_from_home_or_from_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    assert load_settings(data_dir="~/data").data_dir == Path("/home/somebody/data")
    assert load_settings(data_dir="data").data_dir == tmp_path / "data"


def test_socket_path_stays_short_enough_for_every_system() -> None:
    for length in range(1, 200):
        folder = embedded_socket_folder(Path("/") / ("x" * length))
        assert len(str(folder / ".s.PGSQL.5432")) < 104
