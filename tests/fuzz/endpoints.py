"""Every served path with what it needs to get as far as its body: a key, objects that exist, and a valid body."""

import json
from dataclasses import dataclass, field
from typing import Any

from openai import OpenAI

from tests.fuzz.mutation import CANARY
from tests.fuzz.specification import served
from tests.pictures import PNG_URL
from tests.platform.installation import Installation, IssuedKey

MODEL = "gpt-4o-2024-08-06"
FUNCTION = {
    "name": "look_up",
    "description": CANARY,
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string", "enum": ["Bern", CANARY]}, "days": {"type": "integer"}},
        "required": ["city"],
        "additionalProperties": False,
    },
    "strict": True,
}
CHAT: dict[str, Any] = {
    "model": MODEL,
    "messages": [
        {"role": "system", "content": CANARY},
        {"role": "user", "content": [{"type": "text", "text": CANARY}, {"type": "text", "text": "hello"}]},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": "{}"}},
            ],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": CANARY},
        {"role": "user", "content": CANARY, "name": "somebody"},
    ],
    "temperature": 0.5,
    "n": 1,
    "stop": [CANARY],
    "logit_bias": {"50256": -100},
    "max_completion_tokens": 10,
    "stream": False,
    "tools": [{"type": "function", "function": FUNCTION}],
    "tool_choice": {"type": "function", "function": {"name": "look_up"}},
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "s", "schema": {"type": "object", "properties": {"a": {"anyOf": [{"type": "null"}]}}}},
    },
    "user": CANARY,
}

LIMIT: dict[str, Any] = {"threshold_amount": 10_000_000, "currency": "USD", "interval": "month"}
ALERT: dict[str, Any] = {
    **LIMIT,
    "notification_channel": {"type": "email", "recipients": [CANARY], "subject_prefix": CANARY},
}

VALID: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": CHAT,
    "/v1/completions": {
        "model": "gpt-3.5-turbo-instruct",
        "prompt": [CANARY, "hello"],
        "max_tokens": 5,
        "n": 2,
        "best_of": 2,
        "echo": True,
        "logprobs": None,
        "stop": [CANARY],
        "stream": False,
        "temperature": 0.5,
        "user": CANARY,
    },
    "/v1/audio/speech": {
        "model": "tts-1",
        "input": CANARY,
        "voice": "alloy",
        "response_format": "opus",
        "speed": 1.5,
        "stream_format": "sse",
        "instructions": CANARY,
    },
    # Forms are damaged in tests/unit/web/bodies/test_form_parser.py; here they are no forms at all.
    "/v1/audio/transcriptions": {"model": "whisper-1", "file": CANARY},
    "/v1/audio/translations": {"model": "whisper-1", "file": CANARY},
    "/v1/files": {"purpose": "user_data", "file": CANARY},
    "/v1/uploads": {
        "filename": CANARY,
        "purpose": "user_data",
        "bytes": 10,
        "mime_type": CANARY,
        "expires_after": {"anchor": "created_at", "seconds": 3600},
    },
    "/v1/uploads/{upload_id}/parts": {"data": CANARY},
    "/v1/uploads/{upload_id}/complete": {"part_ids": [CANARY], "md5": "0" * 32},
    "/v1/embeddings": {
        "model": "text-embedding-3-small",
        "input": [CANARY, "hello"],
        "encoding_format": "float",
        "dimensions": 2,
        "user": CANARY,
    },
    "/v1/images/generations": {
        "model": "dall-e-3",
        "prompt": CANARY,
        "n": 1,
        "size": "1024x1024",
        "quality": "standard",
        "style": "vivid",
        "response_format": "b64_json",
        "user": CANARY,
    },
    "/v1/batches": {
        "input_file_id": "file-x",
        "endpoint": "/v1/chat/completions",
        "completion_window": "24h",
        "metadata": {CANARY: CANARY},
        "output_expires_after": {"anchor": "created_at", "seconds": 3600},
    },
    "/v1/moderations": {
        "model": "omni-moderation-latest",
        "input": [
            {"type": "text", "text": CANARY},
            {"type": "image_url", "image_url": {"url": PNG_URL}},
            {"type": "text", "text": "hello"},
        ],
    },
    "/v1/organization/projects": {"name": CANARY, "residency": "US_STORAGE_PROCESSING"},
    "/v1/organization/projects/{project_id}": {"name": CANARY, "geography": "US"},
    "/v1/organization/projects/{project_id}/service_accounts": {"name": CANARY, "expires_in_seconds": 60},
    "/v1/organization/projects/{project_id}/service_accounts/{account_id}": {"name": CANARY, "role": "owner"},
    "/v1/organization/projects/{project_id}/service_accounts/{account_id}/api_keys": {
        "name": CANARY,
        "scopes": ["all"],
        "expires_in_seconds": 60,
    },
    "/v1/organization/admin_api_keys": {"name": CANARY, "expires_in_seconds": 60},
    "/v1/organization/external_keys": {
        "type": "aws",
        "name": CANARY,
        "kms_arn": "arn:aws:kms:us-east-1:123456789012:key/a",
        "residency": "US_STORAGE_PROCESSING",
        "purpose": "ekm",
    },
    "/v1/organization/external_storage": {
        "project_id": CANARY,
        "provider": {"type": "aws", "bucket": "a-bucket", "region": "us-east-1", "country": "US"},
    },
    "/v1/organization/projects/{project_id}/rate_limits/{rate_limit_id}": {"max_requests_per_1_minute": 100},
    "/v1/organization/projects/{project_id}/model_permissions": {"mode": "deny_list", "model_ids": ["gpt-4-0613"]},
    "/v1/organization/projects/{project_id}/ip_allowlist": {"allowed_ips": ["127.0.0.0/8"]},
    "/v1/organization/spend_limit": LIMIT,
    "/v1/organization/projects/{project_id}/spend_limit": LIMIT,
    "/v1/organization/spend_alerts": ALERT,
    "/v1/organization/spend_alerts/{alert_id}": ALERT,
    "/v1/organization/projects/{project_id}/spend_alerts": ALERT,
    "/v1/organization/projects/{project_id}/spend_alerts/{alert_id}": ALERT,
    "/v1/organization/projects/{project_id}/service_tier_settings": {"default": "standard", "enabled_tiers": []},
    "/operator/v1/entitlements": {
        "project_id": CANARY,
        "model": "gpt-4o-2024-08-06",
        "input_units": 1,
        "output_units": 1,
        "starts_at": 4_000_000_000,
        "ends_at": 4_100_000_000,
        "input_unit_nanodollars_per_day": 1,
        "output_unit_nanodollars_per_day": 1,
    },
    "/v1/organization/data_retention": {"retention_type": "modified_abuse_monitoring"},
    "/v1/organization/projects/{project_id}/data_retention": {"retention_type": "organization_default"},
    "/operator/v1/organization": {"enterprise_agreement": True, "zdr_endpoints": ["/v1/chat/completions"]},
    "/operator/v1/organizations": {"name": CANARY},
    "/operator/v1/organizations/{organization_id}": {"zdr_eligible": True, "enhanced_zdr": False},
}
# For a path that takes no body, or one that this page does not know.
ANY_BODY: dict[str, Any] = {"name": CANARY, "limit": 1, "list": [{"name": CANARY}]}


@dataclass(frozen=True)
class Endpoint:
    """One path of one listener."""

    listener: str
    path: str
    methods: tuple[str, ...]

    @property
    def valid_body(self) -> dict[str, Any]:
        return VALID.get(self.path, ANY_BODY)

    @property
    def takes_a_body(self) -> bool:
        """Of the other calls the path says everything."""
        return self.path in VALID or self.listener == "boundary"

    def __str__(self) -> str:
        return f"{self.listener} {self.path}"


ENDPOINTS = [
    Endpoint(listener, served.without_convertors(route.path), tuple(sorted(route.methods or ())))
    for listener, routes in (
        ("region", served.region()),
        ("control", served.control()),
        ("boundary", served.boundary()),
    )
    for route in routes
]
POSTS = [endpoint for endpoint in ENDPOINTS if "POST" in endpoint.methods]


def new_batch(client: OpenAI) -> dict[str, str]:
    """The ids of objects that exist: an input of two lines, and a batch that runs it."""
    body = {"model": MODEL, "messages": [{"role": "user", "content": "hello"}]}
    request = {"method": "POST", "url": "/v1/chat/completions", "body": body}
    lines = "\n".join(json.dumps({"custom_id": str(number), **request}) for number in range(2)).encode()
    file = client.files.create(file=("a.jsonl", lines), purpose="batch")
    batch = client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
    return {"input_file_id": file.id, "batch_id": batch.id}


def new_file_and_upload(client: OpenAI) -> dict[str, str]:
    """The ids of objects that exist: a file, and an upload with a part."""
    file = client.files.create(file=("a.txt", b"content"), purpose="user_data")
    upload = client.uploads.create(filename="a.txt", purpose="user_data", bytes=7, mime_type="text/plain")
    part = client.uploads.parts.create(upload.id, data=b"content")
    return {"file_id": file.id, "upload_id": upload.id, "part_id": part.id}


def new_alert(admin: OpenAI, project_id: str | None) -> str:
    """An alert of a project, or of the organization."""
    terms: Any = {"threshold_amount": 10_000_000, "currency": "USD", "interval": "month"}
    channel: Any = {"type": "email", "recipients": []}
    organization = admin.admin.organization
    if project_id is None:
        return organization.spend_alerts.create(**terms, notification_channel=channel).id
    return organization.projects.spend_alerts.create(project_id, **terms, notification_channel=channel).id


@dataclass
class Targets:
    """A running installation as an attacker with valid keys sees it."""

    installation: Installation
    key: IssuedKey
    admin_key: str
    operator_key: str
    spender: tuple[str, str]
    """The admin key of another organization and a project of it, for limits: one of a cent would end all other tests."""
    ids: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, installation: Installation) -> "Targets":
        """With a project of its own, which may be spoilt."""
        control = installation.folder / "control"
        key = installation.new_key("us", name="fuzz")
        ids = {
            "project_id": key.project_id,
            "account_id": key.service_account_id,
            "key_id": key.key_id,
            "rate_limit_id": "rl_gpt-4o-2024-08-06",
            "model": MODEL,
            "image_id": "img_" + "0" * 24,
            # Of no object: for each call of /validate, a region tries the key or the bucket.
            "external_key_id": "extkey_" + "0" * 24,
            "external_storage_id": "extstore_" + "0" * 24,
            "alert_id": new_alert(installation.admin(), key.project_id),
            "entitlement_id": "ent_" + "0" * 24,
            **new_file_and_upload(installation.client("us", key.secret)),
            **new_batch(installation.client("us", key.secret)),
            "code": "us",
            "organization_id": installation.operator("GET", "/operator/v1/organization")["id"],
            "sha256": "0" * 64,
        }
        admin_key, operator_key = ((control / f"{name}.key").read_text().strip() for name in ("admin", "operator"))
        other = installation.operator("POST", "/operator/v1/organizations", {"name": "spender"})
        spender = other["admin_api_key"]["value"]
        project_id = installation.new_key("us", admin=installation.admin(spender)).project_id
        return cls(installation, key, admin_key, operator_key, (spender, project_id), ids)

    def port(self, listener: str) -> int:
        ports = {"control": self.installation.control_port, "boundary": self.installation.boundary_port}
        return ports.get(listener) or next(region.port for region in self.installation.regions if region.code == "us")

    def path(self, endpoint: Endpoint) -> str:
        """With ids of objects that exist."""
        ids = self.ids | {"project_id": self.spender[1]} if endpoint.path.endswith("/spend_limit") else self.ids
        return endpoint.path.format_map(ids)

    def secret(self, endpoint: Endpoint) -> str:
        if endpoint.listener == "region":
            return self.key.secret
        if endpoint.path.endswith("/spend_limit"):
            return self.spender[0]
        return self.operator_key if endpoint.path.startswith("/operator") else self.admin_key
