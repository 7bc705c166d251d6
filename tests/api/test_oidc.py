"""Signing in through an OpenID provider on loopback, and what a wrong one or a wrong browser comes to."""

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.testclient import TestClient

from tracewright.api.settings import OidcSettings, ServiceSettings

ORIGIN = "http://localhost"
CLIENT_ID, CLIENT_SECRET = "tracewright", "a-secret-of-the-service"


@dataclass
class Provider:
    """A provider with a real key, PKCE, and codes that are good once. Tests make it misbehave."""

    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "1"}))
    claims: dict[str, Any] = field(default_factory=lambda: {"sub": "s-1", "email": "Eva@example.org"})
    verified: bool = True
    algorithm: str = "RS256"
    signing_key: Any = None
    issuer_in_document: str | None = None
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    issuer: str = ""

    def answer(self, path: str, query: dict[str, str], body: dict[str, str], basic: str) -> tuple[int, Any]:
        if path == "/.well-known/openid-configuration":
            names = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
            document = {name: f"{self.issuer}/{place}" for name, place in names.items()}
            return 200, document | {"issuer": self.issuer_in_document or self.issuer}
        if path == "/keys":
            return 200, {"keys": [self.key.as_dict(private=False)]}
        if path == "/authorize":
            code = secrets.token_urlsafe(8)
            self.codes[code] = query
            return 302, f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"
        return self._exchange(body, basic)

    def _exchange(self, body: dict[str, str], basic: str) -> tuple[int, Any]:
        asked = self.codes.pop(body.get("code", ""), None)
        digest = hashlib.sha256(body.get("code_verifier", "").encode()).digest()
        challenge = encode(digest)
        if asked is None or asked["code_challenge"] != challenge or asked["redirect_uri"] != body["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        if base64.b64decode(basic).decode() != f"{CLIENT_ID}:{CLIENT_SECRET}":
            return 401, {"error": "invalid_client"}
        return 200, {"access_token": "a", "token_type": "Bearer", "id_token": self._make_token(asked["nonce"])}

    def _make_token(self, nonce: str) -> str:
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 300, "nonce": nonce}
        claims |= {"email_verified": self.verified} | self.claims
        if self.algorithm in ("none", "HS256"):
            return self._forge(claims)
        key = self.signing_key or self.key
        return jwt.encode({"alg": self.algorithm, "kid": "1"}, claims, key, algorithms=[self.algorithm])

    def _forge(self, claims: dict[str, Any]) -> str:
        """Signed by nobody, or with the public key taken for a shared secret."""
        header = json.dumps({"alg": self.algorithm, "kid": "1"})
        content = f"{encode(header.encode())}.{encode(json.dumps(claims).encode())}"
        if self.algorithm == "none":
            return f"{content}."
        return f"{content}.{encode(hmac.digest(self.key.as_pem(private=False), content.encode(), 'sha256'))}"


def encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


class Handler(BaseHTTPRequestHandler):
    """Asks the provider."""

    def do_GET(self) -> None:
        self._reply({})

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self._reply({name: values[0] for name, values in parse_qs(sent).items()})

    def _reply(self, body: dict[str, str]) -> None:
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        basic = self.headers.get("Authorization", "").removeprefix("Basic ")
        status, content = self.server.provider.answer(url.path, query, body, basic)
        self.send_response(status)
        if status == 302:
            self.send_header("Location", content)
            content = {}
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())

    def log_message(self, *_: Any) -> None:
        """Quiet."""


def start() -> tuple[Provider, ThreadingHTTPServer]:
    """A provider that listens."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.provider = Provider()
    server.provider.issuer = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.provider, server


@pytest.fixture
def provider():
    made, server = start()
    yield made
    server.shutdown()
    server.server_close()


def settings(provider, **more):
    account = {"issuer": provider.issuer, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    return OidcSettings.model_validate(account | more)


@pytest.fixture
def served(provider, serve_for):
    (service,) = serve_for(oidc=settings(provider, new_users="reviewer"), public_url=ORIGIN)
    return service


def begin(service):
    """A browser that comes back from the provider: the client, and the address it is sent to."""
    browser = TestClient(service.client.app, ORIGIN, raise_server_exceptions=False)
    sent = browser.get("/v1/sessions/oidc", follow_redirects=False)
    assert sent.status_code == 303, sent.text
    return browser, httpx.get(sent.headers["location"], follow_redirects=False).headers["location"]


def sign_in(service):
    browser, back = begin(service)
    return browser, browser.get(back)


def test_who_the_provider_vouches_for_has_a_session(served, expect):
    browser, page = sign_in(served)
    assert page.status_code == 200 and 'url=/"' in page.text
    session = expect(browser.get("/v1/sessions/current"))
    assert (session["name"], session["role"]) == ("eva@example.org", "reviewer")
    body, path = {"events": [{"decision": "accept"}]}, f"/v1/traces/{served.ids()[0]}/reviews"
    assert browser.post(path, json=body).status_code == 403
    expect(browser.post(path, json=body, headers={"X-CSRF-Token": session["csrf_token"]}), 201)
    log = expect(served.as_("ann").get("/v1/audit"))["items"]
    assert {"user.add", "user.link", "session.begin"} <= {entry["action"] for entry in log}


def test_the_second_time_it_is_the_same_user_whatever_the_address_is_then(served, provider, expect):
    sign_in(served)
    provider.claims |= {"email": "renamed@example.org"}
    browser, _ = sign_in(served)
    assert expect(browser.get("/v1/users/me"))["name"] == "eva@example.org"


def test_another_account_of_the_same_address_is_nobody(served, provider):
    sign_in(served)
    provider.claims |= {"sub": "s-2"}
    assert sign_in(served)[1].status_code == 403


def test_a_disabled_user_stays_out(served, expect):
    browser, _ = sign_in(served)
    ann = served.as_("ann")
    tag = ann.get("/v1/users/eva@example.org").headers["ETag"]
    expect(ann.patch("/v1/users/eva@example.org", json={"disabled": True}, headers={"If-Match": tag}))
    assert browser.get("/v1/users/me").status_code == 401
    assert sign_in(served)[1].status_code == 401


def test_revoking_what_a_session_rests_on_ends_it(served, expect):
    browser, _ = sign_in(served)
    (token,) = expect(served.as_("ann").get("/v1/tokens", params={"user": "eva@example.org"}))["items"]
    expect(served.as_("ann").delete(f"/v1/tokens/{token['id']}", headers={"If-Match": "*"}), 204)
    assert browser.get("/v1/users/me").status_code == 401


def test_without_a_role_for_new_people_only_those_that_an_admin_added_come_in(provider, serve_for, expect):
    (service,) = serve_for(oidc=settings(provider), public_url=ORIGIN)
    assert sign_in(service)[1].status_code == 403
    expect(service.as_("ann").post("/v1/users", json={"name": "eva@example.org", "role": "curator"}), 201)
    browser, _ = sign_in(service)
    assert expect(browser.get("/v1/users/me")) == {"name": "eva@example.org", "role": "curator"}


@pytest.mark.parametrize("wrong", [
    {"nonce": "another"}, {"aud": "another"}, {"iss": "https://evil.example"}, {"exp": 1}, {"azp": "another"},
    {"sub": None}, {"iat": time.time() + 86_400}, {"at_hash": "x"},
])  # fmt: skip
def test_a_token_for_somebody_or_something_else_is_refused(served, provider, wrong):
    provider.claims |= wrong
    assert sign_in(served)[1].status_code == 401


@pytest.mark.parametrize("algorithm", ["none", "HS256", "RS256"])
def test_a_token_that_the_providers_key_did_not_sign_is_refused(served, provider, algorithm):
    provider.algorithm = algorithm
    provider.signing_key = RSAKey.generate_key(2048, {"kid": "1"})
    assert sign_in(served)[1].status_code == 401


@pytest.mark.parametrize(
    "change", [{"verified": False}, {"claims": {"sub": "s"}}, {"claims": {"sub": "s", "email": "a b@x"}}]
)
def test_an_address_that_nobody_vouches_for_names_no_user(served, provider, change):
    for name, value in change.items():
        setattr(provider, name, value)
    assert sign_in(served)[1].status_code == 403


def test_a_code_of_another_browser_or_state_is_refused_and_none_is_good_twice(served):
    browser, back = begin(served)
    stranger = TestClient(served.client.app, ORIGIN, raise_server_exceptions=False)
    assert stranger.get(back).status_code == 401
    other, others_back = begin(served)
    assert other.get(back).status_code == 401
    assert browser.get(back.replace("state=", "state=x")).status_code == 401
    assert browser.get(back).status_code == 200
    assert browser.get(back).status_code == 401
    assert other.get(others_back).status_code == 200


def test_a_sign_in_is_good_for_ten_minutes(served):
    browser, back = begin(served)
    served.clock.now += 601
    assert browser.get(back).status_code == 401


@pytest.mark.parametrize("cookie", ["", "x", "W10=.0", "WyJhIiwiYiIsImMiLDk5OTk5OTk5OTk5OTk5OTk5XQ==.0", "é.ü"])
def test_a_made_up_ticket_is_none(served, cookie):
    headers = {"Cookie": f"tracewright_oidc={cookie}".encode()}
    assert served.client.get("/v1/sessions/oidc/callback?state=a&code=b", headers=headers).status_code == 401


def test_failed_sign_ins_are_slowed_down(served):
    paths = [f"/v1/sessions/oidc/callback?state={n}&code=x" for n in range(20)]
    assert [served.client.get(path).status_code for path in paths] == [401] * 10 + [429] * 10


def test_a_provider_that_names_itself_otherwise_is_not_asked(served, provider):
    provider.issuer_in_document = "https://evil.example"
    assert served.client.get("/v1/sessions/oidc", follow_redirects=False).status_code == 503


def test_a_provider_that_is_away_is_said_to_be(serve_for, provider):
    account = settings(provider, issuer="http://127.0.0.1:9/")
    (service,) = serve_for(oidc=account, public_url=ORIGIN)
    assert service.client.get("/v1/sessions/oidc", follow_redirects=False).status_code == 503


def test_without_a_provider_there_is_no_such_sign_in(looking):
    assert looking.client.get("/v1/sessions/oidc", follow_redirects=False).status_code == 404


def test_the_way_back_is_configured_and_not_what_a_request_says(served):
    headers = {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
    sent = served.client.get("/v1/sessions/oidc", headers=headers, follow_redirects=False)
    assert "evil" not in sent.headers["location"]
    assert urlsplit(sent.headers["location"]).hostname == "127.0.0.1"


@pytest.mark.parametrize("issuer", ["http://example.org", "ftp://example.org", "example.org", ""])
def test_an_issuer_that_others_could_listen_to_is_refused(issuer):
    with pytest.raises(ValueError, match="no https"):
        OidcSettings.model_validate({"issuer": issuer, "client_id": "a", "client_secret": "b"})


def test_settings_come_from_the_environment(tmp_path):
    from tracewright.flows.commands.service import read_environment

    given = {"TRACEWRIGHT_OIDC_ISSUER": "https://id.example.org", "TRACEWRIGHT_OIDC_CLIENT_ID": "c",
             "TRACEWRIGHT_OIDC_CLIENT_SECRET": "s", "TRACEWRIGHT_OIDC_NEW_USERS": "viewer",
             "TRACEWRIGHT_PUBLIC_URL": "https://curation.example.org/"}  # fmt: skip
    made = ServiceSettings.model_validate({"store": tmp_path} | read_environment(given))
    assert made.oidc.new_users == "viewer" and made.origin == "https://curation.example.org"
    assert "s" not in repr(made.oidc.client_secret).replace("Secret", "").replace("str", "")
    assert ServiceSettings.model_validate({"store": tmp_path} | read_environment({})).oidc is None
