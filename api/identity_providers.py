"""Who somebody is to Google or GitHub: what a client sends, and why it may be refused (contract: accounts 13.2)."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import SecretStr

from commands.accounts.social import TITLES, Identity
from commands.errors import Refused
from settings import Settings


@dataclass(frozen=True, slots=True)
class Exchange:
    """What a client sends to sign in or to bind. id_token: Google's alternative to a code."""

    code: str
    redirect_uri: str
    id_token: str = ""


UNREACHABLE = 502


class ProviderRefusal(Refused):
    """The provider cannot be used (503), cannot be reached (502) or says no (400). `phase` names the step that failed."""

    def __init__(self, status: int, phase: str, cause: str) -> None:
        super().__init__({"detail": cause})
        self.status = status
        self.phase = phase
        self.cause = cause


def identify(settings: Settings, provider: str, exchange: Exchange) -> Identity:
    """Whose code it is. Blocks; raises ProviderRefusal."""
    # Loaded when somebody signs in that way: that would take a good part of the server's start.
    from api.code_exchange import identify_at_github, identify_at_google

    return identify_at_google(settings, exchange) if provider == "google" else identify_at_github(settings, exchange)


def require_configured(settings: Settings, provider: str) -> None:
    """Raises ProviderRefusal when the provider is not set up here."""
    client_id, secret, _ = registered(settings, provider)
    if not client_id or secret is None or not secret.get_secret_value():
        raise ProviderRefusal(503, "config_lookup", f"Signing in with {TITLES[provider]} is not set up on this server.")


def registered(settings: Settings, provider: str) -> tuple[str | None, SecretStr | None, str | None]:
    """Client id, secret and redirect address as they are registered at the provider."""
    if provider == "google":
        return settings.google_client_id, settings.google_client_secret, settings.google_redirect_uri
    return settings.github_client_id, settings.github_client_secret, settings.github_redirect_uri
