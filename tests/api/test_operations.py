"""Health, metrics, logs, backup, restore, migrations."""

import gzip
import io
import json
import logging

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import func, insert, inspect, select

from tracewright.api.app import open_services
from tracewright.api.database import open_database
from tracewright.api.database.engine import _make_engine
from tracewright.api.database.migrations import upgrade
from tracewright.api.database.tables import REVIEWS, USERS, metadata
from tracewright.api.http.observation import configure_logging
from tracewright.api.operations.backup import TABLES, back_up, restore
from tracewright.api.settings import ServiceSettings
from tracewright.api.traces.frame import make_empty_frame
from tracewright.schemas import ConfigError, InputError, IntegrityError


def test_health_and_readiness(service, expect):
    expect(service.client.get("/healthz"))
    expect(service.client.get("/readyz"))
    service.services.feed.is_ready.clear()
    assert service.client.get("/readyz").status_code == 503


def test_while_traces_are_loaded_nothing_is_taken_for_missing_or_for_all(lite):
    rita, carl, frame = lite.as_("rita"), lite.as_("carl"), lite.services.feed.frame
    assert carl.put("/v1/slices/s", json={"where": "tokens >= 0"}).status_code == 200
    lite.services.feed._frame = make_empty_frame()
    accept = {"events": [{"decision": "accept"}]}
    answers = [
        rita.get(f"/v1/traces/{frame.scalars['trace_id'][0]}"),
        rita.post(f"/v1/traces/{frame.scalars['trace_id'][0]}/reviews", json=accept),
        carl.post("/v1/queues", json={"name": "q", "slice": "s"}),
        carl.post("/v1/bulks/preview", json={"where": "tokens >= 0"}),
        carl.get("/v1/slices/s/export"),
    ]
    assert [(one.status_code, one.headers.get("retry-after")) for one in answers] == [(503, "1")] * 5
    lite.services.feed._frame = frame


def test_metrics_count_requests_by_route(lite):
    vera = lite.as_("vera")
    vera.get(f"/v1/traces/{lite.ids()[0]}")
    shown = vera.get("/metrics").text
    assert 'route="/v1/traces/{trace_id}",status="200"' in shown and "tracewright_traces 60.0" in shown


def test_logs_are_json_without_secrets_or_text(lite):
    lines = io.StringIO()
    configure_logging(lines)
    try:
        rita, trace_id = lite.as_("rita"), lite.ids()[0]
        rita.get("/v1/traces", params={"search": "unheard-of-words"})
        rita.post(f"/v1/traces/{trace_id}/reviews", json={"events": [{"comment": "between us"}]})
        lite.client.post("/v1/sessions", json={"token": lite.tokens["ann"]})
        lite.client.get("/v1/users/me", headers={"Authorization": "Bearer tw_wrong-secret"})
        lite.services.database.engine.dispose()
        lite.client.app.state.services = None
        assert rita.get("/v1/traces").status_code == 500
    finally:
        logging.getLogger("tracewright.api").handlers = []
        lite.client.app.state.services = lite.services
    text = lines.getvalue()
    rows = [json.loads(line) for line in text.splitlines()]
    assert {"/v1/traces", "/v1/sessions"} <= {row.get("route") for row in rows}
    assert {row["user"] for row in rows if row.get("route") == "/v1/traces/{trace_id}/reviews"} == {"rita"}
    for secret in (*lite.tokens.values(), "unheard-of", "between us", "wrong-secret", "tw_"):
        assert secret not in text


def fill(service, expect):
    trace_id = service.ids()[0]
    rita, carl = service.as_("rita"), service.as_("carl")
    expect(
        rita.post(f"/v1/traces/{trace_id}/reviews", json={"events": [{"step": 0, "label": 1}, {"decision": "accept"}]}),
        201,
    )
    expect(
        carl.post(
            "/v1/bulks", json={"where": "tokens == 7", "expected": len(service.ids(where="tokens == 7")), "tags": ["x"]}
        ),
        201,
    )
    carl.put("/v1/slices/s", json={"where": "tokens >= 0"})
    expect(carl.post("/v1/queues", json={"name": "q", "slice": "s"}), 201)
    expect(rita.post("/v1/queues/q/claims", json={}))
    return trace_id


def read(database):
    with database.read() as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]
            for table in TABLES
        }


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("other", marks=pytest.mark.postgres)])
def test_a_backup_restored_is_the_same_service(service, expect, tmp_path, kind, request):
    trace_id = fill(service, expect)
    counts = back_up(service.services.database, tmp_path / "b.gz")
    assert counts["reviews"] >= 3 and counts["slots"] == 60
    url = f"sqlite:///{tmp_path / 'restored.db'}"
    if kind == "other":
        url = request.getfixturevalue("second_postgres")
    restored = open_database(url)
    assert restore(restored, tmp_path / "b.gz") == counts
    assert read(restored) == read(service.services.database)
    with pytest.raises(InputError, match="already"):
        restore(restored, tmp_path / "b.gz")
    with restored.write() as connection:
        connection.execute(insert(USERS).values(name="new", role="viewer", created_at=1))
        newest = connection.execute(select(func.max(REVIEWS.c.seq))).scalar_one()
        row = {
            "review_id": "n",
            "trace_id": trace_id,
            "reviewer": "new",
            "first_error": False,
            "tags": [],
            "created_at": 1,
        }
        assert connection.execute(insert(REVIEWS).values(**row).returning(REVIEWS.c.seq)).scalar_one() == newest + 1
    restored.close()


@pytest.fixture
def second_postgres(postgres):
    from sqlalchemy import create_engine, text

    engine = create_engine(
        postgres.replace("postgresql:", "postgresql+psycopg:") + "/postgres", isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        connection.execute(text("CREATE DATABASE second"))
    yield f"{postgres}/second"
    with engine.connect() as connection:
        connection.execute(text("DROP DATABASE second WITH (FORCE)"))
    engine.dispose()


def test_a_damaged_backup_restores_nothing(lite, expect, tmp_path):
    fill(lite, expect)
    back_up(lite.services.database, tmp_path / "b.gz")
    whole = (tmp_path / "b.gz").read_bytes()
    lines = gzip.decompress(whole).splitlines(keepends=True)
    damaged = {
        "cut": whole[: len(whole) // 2],
        "shorter": gzip.compress(b"".join([*lines[:-3], lines[-1]])),
        "endless": gzip.compress(b"".join(lines[:-1])),
        "other": gzip.compress(b'{"format": "x"}\n'),
        "text": b"hello",
        "list": gzip.compress(b"[1]\n" + b"".join(lines[1:])),
        "unnamed": gzip.compress(lines[0] + b'{"row": {}}\n' + b"".join(lines[1:])),
        "unknown": gzip.compress(lines[0] + b'{"table": "secrets", "row": {}}\n' + b"".join(lines[1:])),
        "column": gzip.compress(lines[0] + b'{"table": "users", "row": {"x": 1}}\n' + b"".join(lines[1:])),
        "twice": gzip.compress(lines[0] + lines[1] + b"".join(lines[1:])),
    }
    for place in range(20, len(whole), len(whole) // 40):
        damaged[f"bit {place}"] = whole[:place] + bytes([whole[place] ^ 8]) + whole[place + 1 :]
    for name, content in damaged.items():
        (tmp_path / name).write_bytes(content)
        database = open_database(f"sqlite:///{tmp_path / name}.db")
        with pytest.raises((InputError, IntegrityError)):
            restore(database, tmp_path / name)
        assert not any(read(database).values()), name
        database.close()


def test_the_migrations_make_the_tables_that_the_code_knows(database_url):
    database = open_database(database_url)
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = [one for one in compare_metadata(context, metadata) if not _is_search(one)]
    assert differences == []
    database.close()


def _is_search(difference):
    return "search_" in str(difference)


def test_a_filled_database_of_the_first_version_is_upgraded_with_all_rows(database_url):
    engine = _make_engine(database_url)
    upgrade(engine, "0001")
    with engine.begin() as connection:
        connection.execute(insert(USERS).values(name="old", role="reviewer", created_at=5))
        rows = [
            {
                "review_id": f"r{n}",
                "trace_id": f"t{n % 7}",
                "reviewer": "old",
                "first_error": False,
                "tags": ["a"],
                "created_at": n,
            }
            for n in range(500)
        ]
        connection.execute(insert(REVIEWS), rows)
    upgrade(engine)
    upgrade(engine)
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(REVIEWS)).scalar_one() == 500
        assert connection.execute(select(REVIEWS.c.tags).limit(1)).scalar_one() == ["a"]
        assert inspect(connection).has_table("slots")
    engine.dispose()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"host": "::"}, "no users"),
        ({"host": "example.org"}, "no users"),
        ({"public_url": "https://curation.example.org"}, "curation.example.org can be reached .* no users"),
        ({"database": "mysql://x"}, "not supported"),
        ({"database": "nonsense"}, "not a database URL"),
        ({"database": "sqlite:////no/such/folder/x.db"}, "no folder"),
    ],
)
def test_a_service_that_should_not_start_says_why(filled_store, tmp_path, settings, said):
    database = {"database": f"sqlite:///{tmp_path / 'x.db'}"}
    with pytest.raises(ConfigError, match=said):
        open_services(ServiceSettings.model_validate({"store": filled_store} | database | settings))


def test_a_default_or_short_secret_is_refused_where_others_can_reach_the_service(lite):
    def start(**more):
        settings = lite.services.settings.model_copy(update={"host": "192.0.2.1"} | more)
        open_services(
            ServiceSettings.model_validate(settings.model_dump() | {"secret": settings.secret})
        ).database.close()

    with pytest.raises(ConfigError, match="secret"):
        start()
    from pydantic import SecretStr

    with pytest.raises(ConfigError, match="secret"):
        start(secret=SecretStr("short"))
    start(secret=SecretStr("x" * 40))
