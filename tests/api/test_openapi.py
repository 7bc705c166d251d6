"""The OpenAPI document is kept: schemathesis calls every operation, in chains, with what fits it and what does not."""

import json
from contextlib import suppress

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.errors import FlakyStrategyDefinition
from hypothesis.stateful import run_state_machine_as_test
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = (
    not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance,
    response_headers_conformance,
)  # fmt: skip
QUIET = {
    "deadline": None,
    "suppress_health_check": list(HealthCheck),
    "phases": [Phase.generate],
    "database": None,
}


@pytest.fixture
def schema(serve_for):
    """The document of a service whose limits do not end the test."""
    (service,) = serve_for(requests_per_second=1e6, request_burst=1_000_000, failed_logins_per_minute=1_000_000)
    loaded = schemathesis.openapi.from_asgi("/openapi.json", service.client.app)
    headers = {"Authorization": f"Bearer {service.tokens['ann']}"}
    return service, loaded, headers


def call_every_operation(schema, examples):
    _, loaded, headers = schema
    called = [0]
    for result in loaded.get_all_operations():
        operation = result.ok()

        @settings(max_examples=examples, derandomize=True, **QUIET)
        @_given(operation)
        def call(case):
            called[0] += 1
            response = case.call(headers=headers, session=None)
            _check(case, response)

        call()
    return called[0]


def _given(operation):
    from hypothesis import given
    from hypothesis import strategies as st
    from schemathesis.generation import GenerationMode

    right, wrong = (
        operation.as_strategy(generation_mode=mode) for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    )
    return given(case=st.one_of(right, right, wrong))


def _check(case, response):
    case.validate_response(response, checks=list(CHECKS))


def chain(schema, calls):
    """Follow links from answer to answer until so many requests were made; how many runs that took."""
    _, loaded, headers = schema
    called, faults, runs = 0, [], 0

    class Machine(loaded.as_state_machine()):
        def get_call_kwargs(self, case):
            return {"headers": headers}

        def validate_response(self, response, case, **_):
            nonlocal called
            called += 1
            try:
                _check(case, response)
            except Exception as fault:
                faults.append(fault)
                raise

    while called < calls:
        runs += 1
        # What was made in one example is there in the next: an example that goes another way when its beginning comes
        # again ends the run, and another one begins. What the checks find is kept apart from that.
        with suppress(FlakyStrategyDefinition):
            few = settings(max_examples=20, stateful_step_count=8, **QUIET)
            run_state_machine_as_test(seed(runs)(Machine), settings=few)
        assert not faults, faults[0]
    return runs


def test_the_document_is_one_that_tools_can_read(looking):
    document = json.loads(looking.client.get("/openapi.json").content)
    assert document["openapi"].startswith("3.") and "Problem" in document["components"]["schemas"]
    for path, methods in document["paths"].items():
        for method, facts in methods.items():
            assert facts["summary"] and facts["description"], (method, path)
            assert "4XX" in facts["responses"]


def test_every_operation_answers_as_documented(schema):
    assert call_every_operation(schema, 6) > 200
    assert chain(schema, 100) > 0


@pytest.mark.slow
@pytest.mark.timeout(3_600)
def test_ten_thousand_cases_bring_no_undocumented_answer(schema):
    assert call_every_operation(schema, 260) >= 10_000
    assert chain(schema, 10_000) > 1
