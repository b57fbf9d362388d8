"""Admission: who may ask what where, each refusal with its code and member, in the design's order (4.3)."""

from base64 import b64encode
from dataclasses import replace
from typing import Any

import pytest
from msgspec import structs

from domicile.boundary.permissions import ModelPermissions, PermissionMode
from domicile.boundary.retention import ProjectRetention, Retention
from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane.policy.admit import Admission, admit
from domicile.data_plane.policy.caller import Caller
from domicile.data_plane.policy.residency import ResidencyPolicy
from domicile.kernel.errors import Category, DomicileError
from domicile.openai_api.chat import ChatCompletionRequest
from tests.pictures import data_url, encoded
from tests.unit.data_plane.policy.examples import (
    AUDIO,
    CATALOGUE,
    DATA_URL,
    EU,
    IMAGE,
    TEXT,
    US,
    Organization,
    caller,
    region,
    request,
)
from tests.unit.data_plane.region_parts import engine_settings

BOTH = pytest.mark.parametrize("policy", [US, EU], ids=["us", "eu"])
NOTHING_AGREED = Organization(
    enterprise_agreement=False, zdr_eligible=False, zdr_endpoints=(), retention=Retention.MODIFIED_ABUSE_MONITORING
)


def admit_chat(policy: ResidencyPolicy, who: Caller, asked: ChatCompletionRequest) -> Admission:
    return admit(policy, who, Endpoint.CHAT_COMPLETIONS, asked)


def refused(policy: ResidencyPolicy, who: Caller, asked: ChatCompletionRequest) -> DomicileError:
    with pytest.raises(DomicileError) as caught:
        admit_chat(policy, who, asked)
    return caught.value


# What passes ---------------------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.contract("C20")
def test_an_admission_holds_what_the_next_stages_need(policy: ResidencyPolicy) -> None:
    who, asked = caller(region=policy.region), request()
    admission = admit_chat(policy, who, asked)
    assert admission.caller is who
    assert admission.request is asked
    assert admission.endpoint is Endpoint.CHAT_COMPLETIONS
    assert (admission.requested, admission.model.name) == ("gpt-4o", "gpt-4o-2024-08-06")
    assert admission.retention is Retention.ZERO_DATA_RETENTION
    assert admission.needs == {"text"}


@BOTH
@pytest.mark.contract("C20")
@pytest.mark.parametrize("model", CATALOGUE.eligible_models(Endpoint.CHAT_COMPLETIONS, "eu"))
def test_every_snapshot_of_the_contract_is_admitted(policy: ResidencyPolicy, model: str) -> None:
    assert admit_chat(policy, caller(), request(model=model)).model.name == model


@pytest.mark.contract("C01")
def test_the_us_requires_nothing() -> None:
    assert admit_chat(US, caller(NOTHING_AGREED, region="us"), request()).retention is (
        Retention.MODIFIED_ABUSE_MONITORING
    )


@pytest.mark.contract("C29")
def test_what_the_content_needs_is_found() -> None:
    assert admit_chat(US, caller(), request(TEXT)).needs == {"text"}
    assert admit_chat(US, caller(), request(IMAGE, AUDIO)).needs == {"text", "image", "audio"}
    assert admit_chat(US, caller(), request(AUDIO)).needs == {"text", "audio"}


def test_so_many_recordings_and_no_more() -> None:
    assert admit_chat(US, caller(), request(*[AUDIO] * 32)).needs == {"text", "audio"}
    error = refused(US, caller(), request(*[AUDIO] * 33))
    assert (error.code, error.param) == ("invalid_value", "messages[0].content[32].input_audio")


def test_recordings_have_a_size_together() -> None:
    half = b64encode(b"ID3" + bytes(13 * 1024 * 1024)).decode()
    large = {"type": "input_audio", "input_audio": {"data": half, "format": "mp3"}}
    assert admit_chat(US, caller(), request(large)).needs == {"text", "audio"}
    error = refused(US, caller(), request(large, large))
    assert (error.code, error.param) == ("invalid_value", "messages[0].content[1].input_audio")


@pytest.mark.contract("C29")
def test_audio_is_covered_by_ordinary_zdr() -> None:
    assert admit_chat(EU, caller(), request(AUDIO)).needs == {"text", "audio"}


@BOTH
@pytest.mark.parametrize(
    "members",
    [
        {"store": False},
        {"store": None},
        {"metadata": {"a": "b"}, "user": "u", "safety_identifier": "s", "prompt_cache_key": "k"},
        {"prompt_cache_retention": "24h", "prompt_cache_options": {"ttl": "30m"}},
        {"service_tier": "auto"},
        {"service_tier": "default"},
        {"service_tier": "scale"},
        {"service_tier": None, "audio": None, "moderation": None, "modalities": None},
        {"modalities": ["text"]},
        {"temperature": 0, "seed": 1, "stop": "x", "logit_bias": {"1": 2}, "verbosity": "low"},
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"$ref": "#/$defs/a"}}}]},
        {
            "tools": [
                {"type": "function", "function": {"name": "f", "parameters": {"properties": {"$ref": {"type": "x"}}}}}
            ]
        },
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "x", "schema": {"$schema": "https://json-schema.org/draft/2020-12/schema"}},
            }
        },
        {"messages": [{"role": "assistant", "content": "x", "audio": None}]},
    ],
)
def test_what_stays_inside_passes(policy: ResidencyPolicy, members: dict[str, Any]) -> None:
    assert admit_chat(policy, caller(), request(**members)).needs == {"text"}


# 1. Endpoint and snapshot --------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("model", ["gpt-5", "ft:gpt-4o-mini-2024-07-18:acme::1", "smollm2", "GPT-4O"])
def test_an_unknown_model_is_404(policy: ResidencyPolicy, model: str) -> None:
    error = refused(policy, caller(), request(model=model))
    assert (error.category, error.code, error.param) == (Category.NOT_FOUND, "model_not_found", "model")


@BOTH
@pytest.mark.contract("C20")
@pytest.mark.parametrize("model", ["dall-e-3", "whisper-1", "text-embedding-3-small", "text-moderation-latest"])
def test_a_model_of_another_endpoint_is_400_and_the_eligible_ones_are_listed(
    policy: ResidencyPolicy, model: str
) -> None:
    error = refused(policy, caller(), request(model=model))
    assert (error.category, error.code, error.param) == (Category.INVALID, "model_not_eligible", "model")
    for eligible in CATALOGUE.eligible_models(Endpoint.CHAT_COMPLETIONS, policy.region):
        assert eligible in error.message


@pytest.mark.contract("C17")
def test_a_region_without_rows_serves_nothing_and_one_with_another_s_rows_serves_those() -> None:
    bare = ResidencyPolicy.for_region(region("jp", countries=("JP",)), CATALOGUE)
    assert refused(bare, caller(), request()).code == "endpoint_not_eligible"
    like_europe = ResidencyPolicy.for_region(region("jp", countries=("JP",), rows_of="eu"), CATALOGUE)
    assert admit_chat(like_europe, caller(), request()).model.name == "gpt-4o-2024-08-06"
    assert like_europe.models() == EU.models()


# 2. Parameters and content -------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.contract("C05")
@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"web_search_options": {}}, "web_search_options"),
        ({"moderation": {"model": "omni-moderation-latest"}}, "moderation"),
        ({"audio": {"voice": "alloy", "format": "wav"}}, "audio"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"service_tier": "flex"}, "service_tier"),
        ({"service_tier": "priority"}, "service_tier"),
        ({"service_tier": "fast"}, "service_tier"),
        (
            {
                "messages": [
                    {"role": "user", "content": "x"},
                    {"role": "assistant", "audio": {"id": "audio_1"}},
                ]
            },
            "messages[1].audio",
        ),
        (
            {"messages": [{"role": "user", "content": [TEXT, {"type": "file", "file": {"file_id": "file-1"}}]}]},
            "messages[0].content[1].file",
        ),
    ],
)
def test_what_is_not_served_or_would_leave_is_refused(
    policy: ResidencyPolicy, members: dict[str, Any], param: str
) -> None:
    error = refused(policy, caller(), request(**members))
    assert (error.category, error.code, error.param) == (Category.INVALID, "unsupported_parameter", param)


@BOTH
@pytest.mark.contract("C05")
@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/cat.png",
        "http://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "//example.com/cat.png",
        "ftp://example.com/cat.png",
        "",
        "cat.png",
        " " + DATA_URL,
        "\n" + DATA_URL,
        "DATA:image/png;base64,AA",
        "data:text/html;base64,AA",
        "data:image/svg+xml;base64,AA",
        "data:image/png ;base64,AA",
        "data:image/png,AA",
        "data:,https://example.com",
        "data:image/png;charset=x;base64,AA",
        "https://example.com/#data:image/png;base64,AA",
    ],
)
def test_an_image_is_its_own_bytes_or_refused(policy: ResidencyPolicy, url: str) -> None:
    content = [TEXT, {"type": "image_url", "image_url": {"url": url}}]
    messages = [{"role": "system", "content": "x"}, {"role": "user", "content": content}]
    error = refused(policy, caller(), request(messages=messages))
    assert (error.category, error.code) == (Category.INVALID, "url_not_allowed")
    assert error.param == "messages[1].content[1].image_url.url"


@pytest.mark.parametrize(
    ("claimed", "kind"), [("png", "PNG"), ("jpeg", "JPEG"), ("jpg", "JPEG"), ("webp", "WEBP"), ("gif", "GIF")]
)
def test_an_image_by_its_bytes_passes(claimed: str, kind: str) -> None:
    part = {"type": "image_url", "image_url": {"url": data_url(encoded(kind), claimed)}}
    assert admit_chat(US, caller(), request(part)).needs == {"text", "image"}


def test_an_image_that_is_not_what_it_claims_is_refused() -> None:
    part = {"type": "image_url", "image_url": {"url": data_url(encoded("GIF"), "png")}}
    error = refused(US, caller(), request(IMAGE, part))
    assert (error.category, error.code) == (Category.INVALID, "invalid_file")
    assert error.param == "messages[0].content[1].image_url.url"


def test_every_image_is_looked_at() -> None:
    remote = {"type": "image_url", "image_url": {"url": "https://example.com/cat.png"}}
    assert refused(US, caller(), request(IMAGE, IMAGE, remote)).param == "messages[0].content[2].image_url.url"


@BOTH
@pytest.mark.contract("C28")
@pytest.mark.parametrize("name", ["$ref", "$dynamicRef", "$recursiveRef"])
@pytest.mark.parametrize("target", ["https://example.com/schema.json", "other.json#/a", "", "file:///etc/passwd"])
def test_a_schema_that_refers_elsewhere_is_refused(policy: ResidencyPolicy, name: str, target: str) -> None:
    schema = {"properties": {"a": {"anyOf": [{"type": "string"}, {name: target}]}}}
    plain = {"type": "function", "function": {"name": "plain", "parameters": {"type": "object"}}}
    for members, param in (
        (
            {"tools": [plain, {"type": "function", "function": {"name": "f", "parameters": schema}}]},
            "tools[1].function.parameters",
        ),
        ({"functions": [{"name": "f", "parameters": schema}]}, "functions[0].parameters"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}},
            "response_format.json_schema.schema",
        ),
    ):
        error = refused(policy, caller(), request(**members))
        assert (error.code, error.param) == ("url_not_allowed", param)


@pytest.mark.contract("C06")
def test_storing_is_refused_with_the_strongest_reason() -> None:
    stored = request(store=True)
    outside = refused(EU, caller(), stored)
    assert (outside.category, outside.code, outside.param) == (Category.INVALID, "store_not_allowed", "store")
    assert "region 'eu'" in outside.message
    zero = refused(US, caller(region="us"), stored)
    assert (zero.code, zero.param) == ("store_not_allowed", "store")
    assert "Zero Data Retention" in zero.message
    plain = refused(US, caller(NOTHING_AGREED, region="us"), stored)
    assert (plain.code, plain.param) == ("unsupported_parameter", "store")


def test_storing_must_be_allowed_by_the_region_whatever_the_project_keeps() -> None:
    assert refused(EU, caller(retention=ProjectRetention.NONE), request(store=True)).code == "store_not_allowed"


# 3. Agreement, ZDR, images -------------------------------------------------------------------------------------------


@pytest.mark.contract("C01")
@pytest.mark.parametrize(
    ("agreement", "eligible", "code", "named"),
    [
        (False, True, "enterprise_agreement_required", ["Enterprise agreement"]),
        (True, False, "zdr_eligibility_required", ["Zero Data Retention"]),
        (False, False, "enterprise_agreement_required", ["Enterprise agreement", "Zero Data Retention"]),
    ],
)
def test_europe_needs_agreement_and_eligibility_and_says_which_is_missing(
    agreement: bool, eligible: bool, code: str, named: list[str]
) -> None:
    organization = Organization(enterprise_agreement=agreement, zdr_eligible=eligible)
    error = refused(EU, caller(organization), request())
    assert (error.category, error.code) == (Category.FORBIDDEN, code)
    for name in named:
        assert name in error.message
    assert admit_chat(US, caller(organization, region="us"), request()).model.name == "gpt-4o-2024-08-06"


@pytest.mark.contract("C02")
@pytest.mark.parametrize("approved", [(), (Endpoint.EMBEDDINGS,), tuple(set(Endpoint) - {Endpoint.CHAT_COMPLETIONS})])
def test_europe_needs_zdr_approved_for_the_endpoint(approved: tuple[Endpoint, ...]) -> None:
    error = refused(EU, caller(Organization(zdr_endpoints=approved)), request())
    assert (error.category, error.code) == (Category.FORBIDDEN, "zdr_required")


@pytest.mark.contract("C02")
@pytest.mark.parametrize("retention", ProjectRetention)
@pytest.mark.parametrize("default", Retention)
def test_europe_needs_a_project_with_zdr(retention: ProjectRetention, default: Retention) -> None:
    who = caller(Organization(retention=default), retention)
    zero = {"zero_data_retention", "enhanced_zero_data_retention"}
    effective = default.value if retention is ProjectRetention.ORGANIZATION_DEFAULT else retention.value
    if effective in zero:
        assert admit_chat(EU, who, request()).retention.value == effective
    else:
        assert refused(EU, who, request()).code == "zdr_required"


@pytest.mark.contract("C03")
@pytest.mark.parametrize("approved", [True, False])
@pytest.mark.parametrize(
    "retention", [ProjectRetention.ZERO_DATA_RETENTION, ProjectRetention.ENHANCED_ZERO_DATA_RETENTION]
)
def test_in_europe_an_image_needs_enhanced_zdr_approved_and_set(approved: bool, retention: ProjectRetention) -> None:
    who = caller(Organization(enhanced_zdr=approved), retention)
    asked = request(TEXT, IMAGE, IMAGE)
    if approved and retention is ProjectRetention.ENHANCED_ZERO_DATA_RETENTION:
        assert admit_chat(EU, who, asked).needs == {"text", "image"}
        return
    error = refused(EU, who, asked)
    assert (error.category, error.code) == (Category.INVALID, "enhanced_zdr_required")
    assert error.param == "messages[0].content[1].image_url"


@pytest.mark.contract("C03")
@pytest.mark.parametrize(
    ("engine", "is_readable"),
    [
        ({"modalities": {"text", "image"}}, True),
        ({"modalities": {"text"}}, False),
        ({"modalities": {"text", "image"}, "models": {"gpt-4-turbo-2024-04-09": "x"}}, False),
        ({"modalities": {"text", "image"}, "endpoints": {Endpoint.EMBEDDINGS}}, False),
    ],
)
def test_an_image_that_no_engine_could_read_is_told_both_reasons(engine: dict[str, Any], is_readable: bool) -> None:
    policy = ResidencyPolicy.for_region(region("eu", engines=(engine_settings(**engine),)), CATALOGUE)
    error = refused(policy, caller(), request(IMAGE))
    assert error.code == "enhanced_zdr_required"
    assert "ask your admin to set the project's retention" in error.message
    assert ("no engine of this region reads images for this model" in error.message) is not is_readable


@pytest.mark.contract("C03")
def test_in_the_us_an_image_needs_nothing() -> None:
    assert admit_chat(US, caller(NOTHING_AGREED, region="us"), request(IMAGE)).needs == {"text", "image"}


# The order -----------------------------------------------------------------------------------------------------------

REMOTE = {"type": "image_url", "image_url": {"url": "https://example.com/cat.png"}}
LADDER: list[tuple[str, dict[str, Any]]] = [
    ("model_not_found", {"model": "gpt-5"}),
    ("model_not_eligible", {"model": "whisper-1"}),
    ("unsupported_parameter", {"web_search_options": {}}),
    ("store_not_allowed", {"store": True}),
    ("url_not_allowed", {"messages": [{"role": "user", "content": [REMOTE]}]}),
]


@pytest.mark.parametrize("first", range(len(LADDER)))
def test_the_request_is_looked_at_in_order_and_before_the_agreement(first: int) -> None:
    """Every fault from `first` on is in the request at once, and the organization has agreed to nothing."""
    members: dict[str, Any] = {}
    for _, fault in reversed(LADDER[first:]):
        members |= fault
    assert refused(EU, caller(NOTHING_AGREED), request(**members)).code == LADDER[first][0]


@pytest.mark.contract("C01")
def test_then_the_agreement_then_zdr_then_the_image() -> None:
    asked = request(IMAGE)
    weak = {"zdr_endpoints": (), "retention": Retention.MODIFIED_ABUSE_MONITORING}
    assert refused(EU, caller(NOTHING_AGREED), asked).code == "enterprise_agreement_required"
    assert refused(EU, caller(Organization(zdr_eligible=False, **weak)), asked).code == "zdr_eligibility_required"  # type: ignore[arg-type]
    assert refused(EU, caller(Organization(**weak)), asked).code == "zdr_required"  # type: ignore[arg-type]
    assert refused(EU, caller(), asked).code == "enhanced_zdr_required"


@pytest.mark.contract("C04")
def test_what_a_region_requires_is_a_switch_of_its_configuration() -> None:
    """European residency without ZDR: off by default, one line of configuration away."""
    switched = ResidencyPolicy.for_region(region("eu", requires=frozenset({"enterprise"})), CATALOGUE)
    agreed = Organization(zdr_eligible=False, zdr_endpoints=(), retention=Retention.MODIFIED_ABUSE_MONITORING)
    assert admit_chat(switched, caller(agreed), request(IMAGE)).needs == {"text", "image"}
    assert refused(switched, caller(NOTHING_AGREED), request()).code == "enterprise_agreement_required"


# The values ----------------------------------------------------------------------------------------------------------


def test_a_caller_and_an_admission_do_not_change() -> None:
    who = caller()
    with pytest.raises(AttributeError):
        who.region = "us"  # type: ignore[misc]
    with pytest.raises(AttributeError):
        admit_chat(EU, who, request()).model = None  # type: ignore[misc, assignment]


def test_no_refusal_says_in_its_str_what_was_sent() -> None:
    secret = "https://example.com/a-secret"
    part = {"type": "image_url", "image_url": {"url": secret}}
    error = refused(EU, caller(), request(part))
    assert "secret" not in str(error)
    assert "secret" not in error.message


@pytest.mark.parametrize("name", ["gpt-4o", "gpt-4o-2024-08-06"])
def test_a_project_may_use_the_models_of_its_list_only(name: str) -> None:
    who = caller()
    for mode, models, is_admitted in (
        (PermissionMode.ALLOW_LIST, ("gpt-4o-2024-08-06",), True),
        (PermissionMode.ALLOW_LIST, ("gpt-4-0613",), False),
        (PermissionMode.DENY_LIST, ("gpt-4o-2024-08-06",), False),
        (PermissionMode.DENY_LIST, ("gpt-4-0613",), True),
    ):
        project = structs.replace(who.project, models=ModelPermissions(mode, models))
        asking = replace(who, project=project)
        if is_admitted:
            assert admit_chat(EU, asking, request(model=name)).model.name == "gpt-4o-2024-08-06"
            continue
        error = refused(EU, asking, request(model=name))
        assert (error.category, error.code, error.param) == (Category.FORBIDDEN, "model_not_found", "model")
        assert f"does not have access to model `{name}`" in error.message
