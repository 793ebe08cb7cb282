"""Shapes of signing in with Google or GitHub (contract: accounts 13)."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel

from api.fields import Choice, Model, Text

Intent = Annotated[str, Choice(codes=("login", "register", "bind"))]
Optional = Annotated[str, Text(max=2000, blank=True)]


class GoogleIn(Model):
    """The code that Google sent the browser back with, or an identity token."""

    code: Optional = ""
    id_token: Annotated[str, Text(max=16000, blank=True)] = ""
    redirect_uri: Optional = ""
    invitation_code: Annotated[str, Text(max=255, blank=True)] = ""
    intent: Intent = "register"


class GithubIn(Model):
    """The code that GitHub sent the browser back with."""

    code: Annotated[str, Text(max=2000)]
    redirect_uri: Optional = ""
    invitation_code: Annotated[str, Text(max=255, blank=True)] = ""
    intent: Intent = "register"


class ProviderConfig(BaseModel):
    """What the app builds the provider's address from; empty when the provider is not set up."""

    client_id: str
    redirect_uri: str


class OauthConfigOut(BaseModel):
    """Both providers."""

    google: ProviderConfig
    github: ProviderConfig


class SocialAccountOut(BaseModel):
    """A linked identity."""

    id: int
    provider: str
    provider_uid: str
    email: str


class SocialAccountRowOut(SocialAccountOut):
    """The same in the list."""

    created_at: str
