"""Secrets of the service: drawn with 256 bits, stored only as hashes.

SHA-256 without salt or stretching is enough for them: nobody guesses 256 random bits, whatever a guess costs.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

TOKEN_PREFIX = "tw_"  # noqa: S105 - lets secret scanners find a token that leaked
_BYTES = 32


def draw_token() -> str:
    """A new secret."""
    return TOKEN_PREFIX + secrets.token_urlsafe(_BYTES)


def hash_secret(secret: str) -> str:
    """What is stored of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def derive_session(token: str, key: str) -> str:
    """The session secret of a request that may come again: nobody without the token can make it."""
    return TOKEN_PREFIX + sign(token, b"session:" + key.encode())


def derive_csrf(service_secret: str, session_secret: str) -> str:
    """The CSRF token of a session: nobody without the session's cookie and the service's secret knows it."""
    return sign(service_secret, b"csrf:" + session_secret.encode())


def sign(service_secret: str, content: bytes) -> str:
    """A signature that only who knows the secret can make."""
    return hmac.new(service_secret.encode(), content, hashlib.sha256).hexdigest()


def is_same(one: str, other: str) -> bool:
    """Whether two secrets are equal, in a time that tells nothing of where they differ."""
    return hmac.compare_digest(one.encode(), other.encode())
