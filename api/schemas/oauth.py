"""Shapes of signing in with Google or GitHub (contract: accounts 13)."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel

from api.fields import Choice, Model, Text

Intent = Annotated[str, Choice(codes=("login", "register", "bind"))]
Optional = Annotated[str, Text(max=2000, blank=True)]


class GoogleIn(Model):
    """The code from Google's redirect, or an identity token."""

    code: Optional = ""
    id_token: Annotated[str, Text(max=16000, blank=True)] = ""
    redirect_uri: Optional = ""
    invitation_code: Annotated[str, Text(max=255, blank=True)] = ""
    intent: Intent = "register"


class GithubIn(Model):
    """The code from GitHub's redirect."""

    code: Annotated[str, Text(max=2000)]
    redirect_uri: Optional = ""
    invitation_code: Annotated[str, Text(max=255, blank=True)] = ""
    intent: Intent = "register"


class ProviderConfig(BaseModel):
    """What the app needs to build the provider's URL; empty if the provider is not set up."""

    client_id: str
    redirect_uri: str


class OauthConfigOut(BaseModel):
    """The configuration of both providers."""

    google: ProviderConfig
    github: ProviderConfig


class SocialAccountOut(BaseModel):
    """A linked identity."""

    id: int
    provider: str
    provider_uid: str
    email: str


class SocialAccountRowOut(SocialAccountOut):
    """A linked identity in the list."""

    created_at: str
