"""What must not be possible: a test for each class of attack."""

import base64
import itertools
import json
import threading
from urllib.parse import quote

import httpx
import pytest
import uvicorn
from fastapi.routing import APIRoute
from starlette.routing import Mount, WebSocketRoute
from starlette.testclient import TestClient

from tracewright.api.database.tables import ANSWERS, AUDIT, SESSIONS, TOKENS
from tracewright.api.http.limits import RateLimit
from tracewright.api.users.roles import Role

USERS = {
    "ann": Role.ADMIN, "carl": Role.CURATOR, "rita": Role.REVIEWER, "vera": Role.VIEWER,
}  # fmt: skip
OPEN = {
    ("get", "/healthz"), ("get", "/readyz"), ("post", "/v1/sessions"), ("get", "/v1/sessions/oidc"),
    ("get", "/v1/sessions/oidc/callback"), ("get", "/openapi.json"),
}  # fmt: skip
PARTS = {
    "trace_id": "a1", "review_id": "ab", "name": "x", "slot": "1", "token_id": "1", "job_id": "1", "bulk_id": "1",
    "version": "1", "path": "README.md", "run_id": "00000000-0000-0000-0000-000000000000",
}  # fmt: skip
NEEDS = {
    Role.REVIEWER: [
        "post /v1/traces/{trace_id}/reviews", "post /v1/reviews/{review_id}/undo", "post /v1/queues/{name}/claims",
        "get /v1/queues/{name}/leases", "post /v1/queues/{name}/leases/{slot}/renewal",
        "post /v1/queues/{name}/leases/{slot}/release",
    ],
    Role.CURATOR: [
        "post /v1/bulks", "post /v1/bulks/preview", "post /v1/bulks/{bulk_id}/undo", "post /v1/queues",
        "patch /v1/queues/{name}", "put /v1/slices/{name}", "post /v1/releases", "post /v1/runs", "get /v1/agreement",
    ],
    Role.ADMIN: [
        "get /v1/users", "post /v1/users", "get /v1/users/{name}", "patch /v1/users/{name}", "get /v1/audit",
    ],
}  # fmt: skip


def routes(service):
    """Every method and path of the application itself, so that no new one is forgotten; pages have a test below."""
    return [
        (method.lower(), route.path_format)
        for route in service.client.app.routes
        if isinstance(route, APIRoute) and (route.include_in_schema or route.path.startswith("/v1"))
        for method in route.methods
    ]


def ask(client, method, path, **more):
    return client.request(method, path.format(**PARTS), json={} if method in ("post", "put", "patch") else None, **more)


def test_no_route_answers_without_a_valid_token(lite, expect):
    """Every route of the OpenAPI document, streams too: none, an expired one, a revoked one, a wrong one, malformed."""
    looking = lite
    made = [
        expect(lite.as_("ann").post("/v1/tokens", json={"name": "t", "scope": "admin", "days": days}), 201)
        for days in (1, 9)
    ]
    expect(lite.as_("ann").delete(f"/v1/tokens/{made[1]['id']}", headers={"If-Match": "*"}), 204)
    lite.clock.now += 2 * 86_400
    wrong = [
        {},
        *({"Authorization": f"Bearer {one['token']}"} for one in made),
        *({"Authorization": value} for value in ("Bearer tw_x", "Bearer", "Basic YTpi", "Bearer " + "x" * 5_000)),
    ]
    looking.client.cookies.clear()
    for method, path in routes(looking):
        for headers in wrong:
            if (method, path) in OPEN:
                continue
            looking.services.logins.forget()
            assert ask(looking.client, method, path, headers=headers).status_code == 401, (method, path, headers)


def test_what_is_served_is_in_the_document_or_a_page(looking):
    paths = looking.client.get("/openapi.json").json()["paths"]
    assert set(routes(looking)) == {(method, path) for path, methods in paths.items() for method in methods}
    others = [one for one in looking.client.app.routes if getattr(one, "path_format", None) not in paths]
    assert not [one for one in others if isinstance(one, Mount | WebSocketRoute)]
    assert {method for one in others for method in one.methods} <= {"GET", "HEAD"}
    looking.client.cookies.clear()
    shown = {
        one.path
        for one in others
        if looking.client.get(one.path.format(**PARTS, number=0, picture="x.svg"), follow_redirects=False).is_success
    }
    assert shown == {"/openapi.json", "/sign-in"}


def test_ended_credentials_end_at_once(lite, expect):
    ann = lite.as_("ann")
    made = expect(lite.as_("rita").post("/v1/tokens", json={"name": "t", "scope": "viewer", "days": 1}), 201)
    short = {"Authorization": f"Bearer {made['token']}"}
    expect(lite.client.get("/v1/users/me", headers=short))
    expect(lite.as_("rita").delete(f"/v1/tokens/{made['id']}", headers={"If-Match": "*"}), 204)
    assert lite.client.get("/v1/users/me", headers=short).status_code == 401
    tag = ann.get("/v1/users/rolf").headers["ETag"]
    expect(ann.patch("/v1/users/rolf", json={"disabled": True}, headers={"If-Match": tag}))
    assert lite.as_("rolf").get("/v1/users/me").status_code == 401
    lite.clock.now += 91 * 86_400
    assert lite.as_("ann").get("/v1/users/me").status_code == 401


def test_every_route_refuses_every_role_that_is_too_low_and_no_other(looking):
    """The whole matrix: each route with each role, of a user and of a token's scope."""
    needed = {tuple(one.split()): role for role, named in NEEDS.items() for one in named}
    for (method, path), name in itertools.product(routes(looking), USERS):
        if (method, path) in OPEN:
            continue
        role, least = USERS[name], needed.get((method, path), Role.VIEWER)
        response = ask(looking.as_(name), method, path, headers={"If-Match": '"none"'})
        assert (response.status_code == 403) == (not role.includes(least)), (name, method, path, response.text)
    changing = {(method, path) for method, path in routes(looking) if method != "get"} - set(needed) - OPEN
    assert changing == {("post", "/v1/tokens"), ("delete", "/v1/tokens/{token_id}"), ("delete", "/v1/sessions/current")}


def test_what_is_another_users_is_out_of_reach(lite, expect):
    """Every resource that belongs to somebody, reached for by somebody of the same role, and by an admin where no
    admin may speak for others."""
    rita, rolf, ann = (lite.as_(name) for name in ("rita", "rolf", "ann"))
    trace_id = lite.ids(where="tokens == 7")[0]
    accept = {"events": [{"decision": "accept"}]}
    event = expect(rita.post(f"/v1/traces/{trace_id}/reviews", json=accept), 201)["events"][0]
    lite.as_("carl").put("/v1/slices/s", json={"where": "tokens > 7"})
    expect(lite.as_("carl").post("/v1/queues", json={"name": "q", "slice": "s"}), 201)
    lease = expect(rita.post("/v1/queues/q/claims", json={}))["lease"]
    bulk = expect(ann.post("/v1/bulks", json={"where": "tokens == 7", "expected": 2, "tags": ["a"]}), 201)
    proof = accept | {"lease": {"slot": lease["slot"], "fence": lease["fence"]}}
    slot, fence, any_version = f"/v1/queues/q/leases/{lease['slot']}", {"fence": lease["fence"]}, {"If-Match": "*"}
    for client in (rolf, ann):
        assert client.post(f"/v1/reviews/{event['review_id']}/undo", headers=any_version).status_code == 403
        assert client.post(f"{slot}/renewal", json=fence).status_code == 409
        assert client.post(f"{slot}/release", json=fence).status_code == 409
        assert client.post(f"/v1/traces/{lease['trace_id']}/reviews", json=proof).status_code == 409
        assert expect(client.get("/v1/queues/q/leases"))["items"] == []
        own = expect(client.get("/v1/reviews"))["items"]
        assert all(one["reviewer"] != "rita" for one in own)
        assert expect(client.get(f"/v1/traces/{trace_id}/review"))["reviewer"] != "rita"
    assert lite.as_("carl").post(f"/v1/bulks/{bulk['id']}/undo", headers=any_version).status_code == 403
    expect(rita.post(f"/v1/traces/{lease['trace_id']}/reviews", json=proof), 201)


def test_a_tokens_scope_limits_its_user(lite, expect):
    made = expect(lite.as_("ann").post("/v1/tokens", json={"name": "t", "scope": "viewer"}), 201)
    narrow = {"Authorization": f"Bearer {made['token']}"}
    assert lite.client.get("/v1/users", headers=narrow).status_code == 403
    assert expect(lite.client.get("/v1/users/me", headers=narrow))["role"] == "viewer"
    wider = lite.client.post("/v1/tokens", json={"name": "t", "scope": "admin"}, headers=narrow)
    assert wider.status_code == 403


def test_other_users_tokens_are_out_of_reach(lite, expect):
    made = expect(lite.as_("carl").post("/v1/tokens", json={"name": "t", "scope": "curator"}), 201)
    rita = lite.as_("rita")
    assert rita.get(f"/v1/tokens/{made['id']}").status_code == 404
    assert rita.delete(f"/v1/tokens/{made['id']}", headers={"If-Match": "*"}).status_code == 404
    assert rita.get("/v1/tokens", params={"user": "carl"}).status_code == 403
    assert rita.post("/v1/tokens", json={"name": "t", "scope": "viewer", "user": "carl"}).status_code == 403
    assert rita.post("/v1/tokens", json={"name": "t", "scope": "curator"}).status_code == 403
    assert "token" not in json.dumps(expect(lite.as_("ann").get("/v1/tokens", params={"user": "carl"}))["items"][0])


def test_a_token_is_shown_once_even_to_a_repeated_request(lite, expect):
    headers = {"Idempotency-Key": "k"}
    both = [
        lite.as_("rita").post("/v1/tokens", json={"name": "t", "scope": "viewer"}, headers=headers) for _ in range(2)
    ]
    assert both[0].json()["token"].startswith("tw_") and "token" not in both[1].json()
    assert both[0].json()["id"] == both[1].json()["id"]
    with lite.services.database.read() as connection:
        for table in (ANSWERS, TOKENS, AUDIT, SESSIONS):
            rows = str(connection.execute(table.select()).all())
            assert both[0].json()["token"] not in rows


@pytest.mark.parametrize(("method", "path", "body"), [
    ("post", "/v1/users", {"name": "eve", "role": "viewer", "id": 1}),
    ("post", "/v1/users", {"name": "eve", "role": "viewer", "version": 9}),
    ("patch", "/v1/users/vera", {"role": "viewer", "name": "ann"}),
    ("post", "/v1/tokens", {"name": "t", "scope": "viewer", "hash": "0"}),
    ("post", "/v1/tokens", {"name": "t", "scope": "viewer", "user_id": 1}),
    ("put", "/v1/slices/s", {"where": "tokens > 1", "trace_ids": []}),
    ("post", "/v1/queues", {"name": "q", "slice": "s", "author": "eve"}),
    ("post", "/v1/bulks", {"where": "tokens > 1", "expected": 1, "decision": "accept", "author": "eve"}),
    ("post", "/v1/releases", {"name": "r", "slice": "s", "out": "/tmp/x"}),
    ("post", "/v1/runs", {"deployment": "generate", "job_variables": {"env": {}}}),
])  # fmt: skip
def test_nobody_sets_what_only_the_service_sets(looking, method, path, body):
    response = looking.as_("ann").request(method, path, json=body, headers={"If-Match": "*"})
    assert response.status_code == 422 and "extra" in response.text.lower()


TRAVERSALS = ["../x", "..%2fx", "%2e%2e%2fx", "%252e%252e%252fx", "..\\x", "/etc/passwd", "x/../../y", "....//x", ".",
              "..", "%00", "x%00", "\u2025/x", "x\n", "C:\\x", "~root", "-", "x" * 300]  # fmt: skip


@pytest.mark.parametrize("name", TRAVERSALS)
def test_no_name_or_id_leads_anywhere(looking, name):
    ann, folder = looking.as_("ann"), looking.services.store.path.parent
    before = sorted(str(path) for path in folder.rglob("*"))
    for place in (name.replace("\n", "%0a"), quote(name, safe=""), quote(quote(name, safe=""), safe="")):
        for path in (f"/v1/slices/{place}", f"/v1/traces/{place}", f"/v1/releases/{place}/1", f"/v1/queues/{place}"):
            assert ann.get(path).status_code in (400, 404, 405, 414, 422) or ann.get(path).url.path.rstrip("/") in (
                "/v1/slices", "/v1/traces", "/v1/queues", "/v1/releases", "/v1", ""), path  # fmt: skip
        assert ann.put(f"/v1/slices/{place}", json={"where": "tokens > 1"}).status_code in (404, 405, 422)
    for body in ({"name": name, "slice": "s"}, {"name": "ok", "slice": name}):
        assert ann.post("/v1/queues", json=body).status_code == 422
        assert ann.post("/v1/releases", json=body).status_code == 422
    after = sorted(str(path) for path in folder.rglob("*"))
    assert [path for path in after if "wal" not in path and "shm" not in path] == [
        path for path in before if "wal" not in path and "shm" not in path
    ]


def test_no_request_names_an_address_for_the_service_to_call(looking):
    """There is no URL field at all: releases, runs and slices are named, and their names hold no address."""
    document = looking.client.get("/openapi.json").json()
    for name, schema in document["components"]["schemas"].items():
        for field, facts in schema.get("properties", {}).items():
            assert facts.get("format") not in ("uri", "url"), (name, field)
            assert not any(word in field for word in ("url", "uri", "webhook", "callback", "host")), (name, field)
    ann = looking.as_("ann")
    for address in (
        "http://169.254.169.254/",
        "file:///etc/passwd",
        "//x",
        "gopher://127.0.0.1:1/",
        "a/../../b",
        "C:x",
    ):
        named = {"deployment": "generate", "parameters": {"config": address}}
        assert ann.post("/v1/runs", json=named).status_code == 422
        assert ann.post("/v1/runs", json={"deployment": address}).status_code == 422
        assert ann.post("/v1/releases", json={"name": address, "slice": "s"}).status_code == 422
        assert ann.post("/v1/sessions", json={"token": address}).status_code == 401


INJECTIONS = ["' OR 1=1 --", '"; DROP TABLE reviews; --', "x' UNION SELECT hash FROM tokens --", "%' ESCAPE '",
              '" NEAR(', "x*", "col:x", "{x}", "^x", "a AND b OR NOT", "\\", "';select pg_sleep(9)--"]  # fmt: skip


@pytest.mark.parametrize("text", INJECTIONS)
def test_no_text_becomes_sql(service, expect, text):
    rita, trace_id = service.as_("rita"), service.ids()[0]
    everything = {"comment": text, "tags": [text], "decision": "accept", "corrected_answer": text, "error_type": text}
    stored = expect(rita.post(f"/v1/traces/{trace_id}/reviews", json={"events": [everything]}), 201)
    assert stored["events"][0]["comment"] == text and stored["state"]["tags"] == [text]
    found = rita.get("/v1/traces", params={"search": text})
    assert found.status_code in (200, 422) and (found.status_code == 422 or found.json()["total"] <= 60)
    assert rita.get("/v1/traces", params={"where": f"domain == {json.dumps(text)}"}).json().get("total") == 0
    headers = {"Idempotency-Key": text.replace(" ", "_")}
    assert (
        rita.post(f"/v1/traces/{trace_id}/reviews", json={"events": [everything]}, headers=headers).status_code == 201
    )
    assert rita.get("/v1/reviews", params={"cursor": text}).status_code in (400, 422)
    assert len(expect(rita.get(f"/v1/traces/{trace_id}/reviews"))["events"]) == 2


@pytest.mark.parametrize("parts", [
    ["a\0"], ["x" * 300], [-1], [2**63], [2**64], [1.5], [None], [[]], [True], [], ["created_at", True, 10**400, 1],
    ["created_at", True, "x", 1], ["created_at", True, 1, -1], {"a": 1},
])  # fmt: skip
def test_no_forged_cursor_is_more_than_refused(service, parts):
    cursor = base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")[:500]
    for path in ("traces", "users", "queues", "bulks", "jobs", "audit", "reviews"):
        response = service.as_("ann").get(f"/v1/{path}", params={"cursor": cursor})
        refused = response.status_code in (400, 422)
        assert refused or (response.status_code, parts) == (200, ["x" * 300]), (path, response.text)


def sign_in(service, name="rita"):
    client = TestClient(service.client.app)
    response = client.post("/v1/sessions", json={"token": service.tokens[name]})
    assert response.status_code == 201
    return client, response


def test_a_session_changes_nothing_without_its_csrf_token(lite, expect):
    client, response = sign_in(lite)
    cookie = response.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie
    csrf, path = response.json()["csrf_token"], f"/v1/traces/{lite.ids()[0]}/reviews"
    body = {"events": [{"decision": "accept"}]}
    expect(client.get("/v1/users/me"))
    other = sign_in(lite, "rolf")[1].json()["csrf_token"]
    for headers in ({}, {"X-CSRF-Token": "x"}, {"X-CSRF-Token": other}, {"X-CSRF-Token": csrf, "Origin": "https://evil.example"},
                    {"X-CSRF-Token": csrf, "Origin": "null"}):  # fmt: skip
        assert client.post(path, json=body, headers=headers).status_code == 403
    expect(client.post(path, json=body, headers={"X-CSRF-Token": csrf, "Origin": "http://testserver"}), 201)
    assert expect(client.get("/v1/sessions/current"))["csrf_token"] == csrf


def test_a_repeated_sign_in_is_the_same_session(lite, expect):
    headers, body = {"Idempotency-Key": "once"}, {"token": lite.tokens["rita"]}
    both = [TestClient(lite.client.app).post("/v1/sessions", json=body, headers=headers) for _ in range(2)]
    assert both[0].json() == both[1].json() and both[0].headers["set-cookie"] == both[1].headers["set-cookie"]
    _, first = sign_in(lite)
    assert first.json()["csrf_token"] != both[0].json()["csrf_token"]
    used = {"Cookie": both[0].headers["set-cookie"].split(";")[0], "X-CSRF-Token": both[0].json()["csrf_token"]}
    expect(TestClient(lite.client.app).delete("/v1/sessions/current", headers=used), 204)
    assert TestClient(lite.client.app).post("/v1/sessions", json=body, headers=headers).status_code == 409


def test_signing_out_ends_the_session_wherever_its_cookie_is(lite, expect):
    client, response = sign_in(lite)
    kept = client.cookies["tracewright_session"]
    expect(client.delete("/v1/sessions/current", headers={"X-CSRF-Token": response.json()["csrf_token"]}), 204)
    assert lite.client.get("/v1/users/me", headers={"Cookie": f"tracewright_session={kept}"}).status_code == 401


def test_a_session_ends_with_its_time_and_with_its_token(lite, expect):
    client, _ = sign_in(lite)
    lite.clock.now += 13 * 3_600
    assert client.get("/v1/users/me").status_code == 401
    client, _ = sign_in(lite)
    token = expect(lite.as_("rita").get("/v1/tokens"))["items"][0]["id"]
    expect(lite.as_("rita").delete(f"/v1/tokens/{token}", headers={"If-Match": "*"}), 204)
    assert client.get("/v1/users/me").status_code == 401


def test_no_other_site_may_read_answers(looking):
    for method in ("GET", "OPTIONS"):
        headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
        response = looking.as_("vera").request(method, "/v1/traces", headers=headers)
        assert not [name for name in response.headers if name.lower().startswith("access-control")]


def test_every_answer_has_the_security_headers(looking):
    for response in (
        looking.client.get("/healthz"),
        looking.client.get("/nothing"),
        looking.as_("vera").get("/v1/traces"),
    ):
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["content-security-policy"].startswith("default-src 'none'")
        assert response.headers["cache-control"] == "no-store"
        assert len(response.headers["x-request-id"]) >= 8


def test_wrong_tokens_are_slowed_down(lite, expect):
    answers = [lite.client.post("/v1/sessions", json={"token": f"tw_{n}"}).status_code for n in range(40)]
    assert answers[:10] == [401] * 10 and set(answers[10:]) == {429}
    right = lite.client.post("/v1/sessions", json={"token": lite.tokens["ann"]})
    assert right.status_code == 429 and right.headers["retry-after"]


def test_a_user_who_asks_too_often_waits(lite):
    now = [0.0]
    limit = RateLimit(10, 20, lambda: now[0])
    assert sum(limit.take("a") for _ in range(100)) == 20
    assert limit.take("b")
    now[0] = 1.0
    assert sum(limit.take("a") for _ in range(100)) == 10


def test_nobody_signs_in_without_end(serve_for):
    """A right token too: each sign-in is a row and an entry of the audit log."""
    (service,) = serve_for(requests_per_second=0.001, request_burst=5)
    body = {"token": service.tokens["vera"]}
    answers = [service.client.post("/v1/sessions", json=body).status_code for _ in range(8)]
    assert answers == [201] * 5 + [429] * 3
    assert [service.client.get("/v1/sessions/oidc").status_code for _ in range(2)] == [429] * 2
    assert service.as_("rita").get("/v1/users/me").status_code == 200


def test_a_body_that_is_too_large_is_refused_however_it_comes(looking):
    rita, path = looking.as_("rita"), "/v1/traces/x/reviews"
    assert rita.post(path, content=b"x" * 1_048_577).status_code == 413
    assert rita.post(path, content=iter([b"x" * 65_536] * 17)).status_code == 413
    assert rita.post(path, content=b"[" * 100_000).status_code == 422
    assert rita.get("/v1/traces", params={"where": "x" * 20_000}).status_code == 414


def test_a_body_that_comes_too_slowly_is_cut_off(filled_store, tmp_path, serve_for):
    (service,) = serve_for(body_seconds=0.2)
    config = uvicorn.Config(service.client.app, port=0, log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    release = threading.Event()

    def slowly():
        yield b"{"
        release.wait(1)
        yield b"}"

    headers = {"Authorization": f"Bearer {service.tokens['rita']}"}
    try:
        response = httpx.post(f"http://127.0.0.1:{port}/v1/traces/x/reviews", content=slowly(), headers=headers)
        assert response.status_code == 408
    except httpx.TransportError:
        pass
    finally:
        release.set()
        server.should_exit = True
        thread.join(10)


def test_what_the_service_made_wrong_is_not_shown(lite):
    lite.client.app.state.services = None
    try:
        response = lite.as_("vera").get("/v1/traces")
    finally:
        lite.client.app.state.services = lite.services
    assert response.status_code == 500 and response.headers["content-type"] == "application/problem+json"
    assert set(response.json()) == {"type", "title", "status", "detail"} and "NoneType" not in response.text
    assert len(response.headers["x-request-id"]) >= 8 and response.headers["x-content-type-options"] == "nosniff"


def test_no_last_admin_is_lost(lite):
    ann = lite.as_("ann")
    tag = ann.get("/v1/users/ann").headers["ETag"]
    for change in ({"role": "viewer"}, {"disabled": True}):
        assert ann.patch("/v1/users/ann", json=change, headers={"If-Match": tag}).status_code == 409


def test_every_change_is_in_the_audit_log(lite, expect):
    ann, carl = lite.as_("ann"), lite.as_("carl")
    expect(ann.post("/v1/users", json={"name": "new", "role": "viewer"}), 201)
    tag = ann.get("/v1/users/new").headers["ETag"]
    expect(ann.patch("/v1/users/new", json={"role": "reviewer"}, headers={"If-Match": tag}))
    token = expect(ann.post("/v1/tokens", json={"name": "t", "scope": "viewer", "user": "new"}), 201)
    tag = ann.get(f"/v1/tokens/{token['id']}").headers["ETag"]
    assert ann.delete(f"/v1/tokens/{token['id']}").status_code == 428
    expect(ann.delete(f"/v1/tokens/{token['id']}", headers={"If-Match": tag}), 204)
    assert ann.delete(f"/v1/tokens/{token['id']}", headers={"If-Match": tag}).status_code == 412
    carl.put("/v1/slices/s", json={"where": "tokens > 1"})
    expect(carl.post("/v1/queues", json={"name": "q", "slice": "s"}), 201)
    expect(carl.post("/v1/releases", json={"name": "r", "slice": "s"}), 202)
    expect(
        carl.post(
            "/v1/bulks", json={"where": "tokens == 7", "expected": len(lite.ids(where="tokens == 7")), "tags": ["a"]}
        ),
        201,
    )
    entries = expect(ann.get("/v1/audit"))["items"][::-1]
    first = [entry["action"] for entry in entries if entry["user"] == "command line"]
    assert first == ["user.add", "token.add"] * len(lite.tokens)
    entries = [entry for entry in entries if entry["user"] != "command line"]
    assert [entry["action"] for entry in entries] == [
        "user.add",
        "user.change",
        "token.add",
        "token.revoke",
        "slice.save",
        "queue.add",
        "release.ask",
        "bulk.judge",
    ]
    assert {entry["user"] for entry in entries} == {"ann", "carl"}
