"""What the service asks of an OpenID provider: OpenID Connect Core 1.0's code flow with PKCE (RFC 7636).

Every address comes from the configuration or from the provider's own discovery document, none from a request.
"""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import dataclass
from typing import Any

import httpx
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import OAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from tracewright.api.http.errors import ForbiddenError, NotSignedInError, UnavailableError
from tracewright.api.settings import OidcSettings, is_safe_url

SIGNATURES = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "Ed25519", "EdDSA"]
"""Those with a public key: `none`, and a shared secret that a public key could be taken for, are refused."""
SCOPE = "openid email"
TIMEOUT_SECONDS = 10.0
LEEWAY_SECONDS = 60
"""How far the provider's clock may differ."""
DISCOVERY_SECONDS = 600.0
"""How long its discovery document is kept; its keys are read for each sign-in."""
_DISCOVERY_PATH = "/.well-known/openid-configuration"
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


@dataclass(frozen=True)
class Ticket:
    """What the browser keeps while it is at the provider."""

    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True)
class Identity:
    """Who the provider says it is."""

    issuer: str
    subject: str
    email: str


class OidcProvider:
    """One provider, and the service's account there."""

    def __init__(self, settings: OidcSettings, redirect_url: str) -> None:
        self.settings = settings
        self._redirect_url = redirect_url
        self._lock = threading.Lock()
        self._facts: dict[str, Any] = {}
        self._read_at = -DISCOVERY_SECONDS

    def begin(self) -> tuple[str, Ticket]:
        """The address to send a browser to, and what it is to bring back.

        Raises:
            UnavailableError: the provider does not answer, or not as OpenID says.
        """
        ticket = Ticket(*(secrets.token_urlsafe(32) for _ in range(3)))
        endpoint = self._discover()["authorization_endpoint"]
        with self._client() as client:
            url, _ = client.create_authorization_url(
                endpoint, state=ticket.state, nonce=ticket.nonce, code_verifier=ticket.verifier
            )
        return url, ticket

    def finish(self, ticket: Ticket, code: str) -> Identity:
        """Who signed in with a code.

        Raises:
            NotSignedInError: the provider does not take the code, or its token is not for this sign-in.
            ForbiddenError: the provider vouches for no email address.
            UnavailableError: the provider does not answer, or not as OpenID says.
        """
        facts = self._discover()
        try:
            with self._client() as client:
                tokens = client.fetch_token(
                    facts["token_endpoint"], code=code, grant_type="authorization_code", code_verifier=ticket.verifier
                )
        except AuthlibBaseError as error:
            raise NotSignedInError("the provider does not take this code: begin the sign-in again") from error
        except (httpx.HTTPError, *_other_http_errors(), ValueError) as error:
            raise _not_there(error) from error
        return self._read_identity(tokens, ticket)

    def _read_identity(self, tokens: dict[str, Any], ticket: Ticket) -> Identity:
        keys = self._keys()
        try:
            token = jwt.decode(str(tokens.get("id_token", "")), keys, algorithms=SIGNATURES)
            wanted: Any = {
                "iss": {"essential": True, "value": self.settings.issuer},
                "aud": {"essential": True, "value": self.settings.client_id},
            }
            params = {"nonce": ticket.nonce, "client_id": self.settings.client_id}
            params |= {"access_token": tokens.get("access_token")}
            claims = CodeIDToken(token.claims, token.header, wanted, params)
            claims.validate(leeway=LEEWAY_SECONDS)
        except (JoseError, ValueError) as error:
            raise NotSignedInError("the provider's token is not one for this sign-in: begin it again") from error
        if claims.get("email_verified") is not True or not isinstance(claims.get("email"), str):
            raise ForbiddenError("the provider does not vouch for an email address: verify it there first")
        return Identity(self.settings.issuer, str(claims["sub"]), claims["email"].lower())

    def _keys(self) -> KeySet:
        try:
            found: Any = _get(self._discover()["jwks_uri"])
            return KeySet.import_key_set(found)
        except (JoseError, KeyError, TypeError, ValueError) as error:
            raise _not_there(error) from error

    def _discover(self) -> dict[str, Any]:
        with self._lock:
            if time.monotonic() - self._read_at >= DISCOVERY_SECONDS:
                facts = _get(self.settings.issuer.rstrip("/") + _DISCOVERY_PATH)
                addresses = [str(facts.get(name, "")) for name in _ENDPOINTS]
                if facts.get("issuer") != self.settings.issuer or not all(map(is_safe_url, addresses)):
                    raise _not_there(ValueError("the discovery document"))
                self._facts, self._read_at = facts, time.monotonic()
            return self._facts

    def _client(self) -> Any:
        return OAuth2Client(
            self.settings.client_id,
            self.settings.client_secret.get_secret_value(),
            scope=SCOPE,
            redirect_uri=self._redirect_url,
            code_challenge_method="S256",
            timeout=TIMEOUT_SECONDS,
        )


def _get(url: str) -> dict[str, Any]:
    try:
        response = httpx.get(url, timeout=TIMEOUT_SECONDS)
        response.raise_for_status()
        content = response.json()
    except (httpx.HTTPError, ValueError) as error:
        raise _not_there(error) from error
    if not isinstance(content, dict):
        raise _not_there(ValueError("no JSON object"))
    return content


def _other_http_errors() -> tuple[type[Exception], ...]:
    """Authlib sends with httpx2 where that is installed; its errors are no errors of httpx."""
    from authlib.integrations.httpx_client._compat import httpx2

    return (httpx2.HTTPError,)


def _not_there(error: Exception) -> UnavailableError:
    return UnavailableError(
        f"the OpenID provider did not answer as it should ({type(error).__name__}): try again, or sign in with a token"
    )
