"""A customer's own key and bucket, from their registration to their taking away, through both planes."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from openai import APIStatusError, OpenAI

from tests.platform.installation import Installation
from tests.platform.object_servers import S3_KEY_ID, S3_REGION, S3_SECRET, S3Server, s3_server
from tests.platform.processes import eventually
from tests.residency.memory import forms, in_files

RESIDENCY = "EU_STORAGE_PROCESSING"


@dataclass
class Customer:
    """An installation whose region eu offers moto's services, and an organization that uses them."""

    installation: Installation
    s3: S3Server

    def post(self, path: str, **members: Any) -> Any:
        key = (self.installation.folder / "control" / "admin.key").read_text().strip()
        url = f"{self.installation.control_url}/v1/organization/{path}"
        answer = httpx2.post(url, headers={"authorization": f"Bearer {key}"}, json=members, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def external_key(self, arn: str) -> tuple[str, str]:
        """The id of a new key, and what the region has found."""
        made = self.post("external_keys", type="aws", name="key", residency=RESIDENCY, kms_arn=arn)
        return made["id"], self.post(f"external_keys/{made['id']}/validate")["detail"]

    def external_storage(self, project_id: str, bucket: str) -> str:
        """What the region has found."""
        provider = {"type": "aws", "bucket": bucket, "region": S3_REGION, "country": "DE"}
        made = self.post("external_storage", project_id=project_id, provider=provider)
        return str(self.post(f"external_storage/{made['id']}/validate")["detail"])

    def project(self, external_key_id: str) -> tuple[str, OpenAI]:
        """The id of a new project, and a client."""
        made = self.post("projects", name="own", residency=RESIDENCY, external_key_id=external_key_id)
        account = self.post(f"projects/{made['id']}/service_accounts", name="own")
        return made["id"], self.installation.client("eu", account["api_key"]["value"])


@pytest.fixture(scope="module")
def customer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Customer]:
    folder: Path = tmp_path_factory.mktemp("customer")
    credentials = folder / "credentials"
    credentials.write_text(f"{S3_KEY_ID}\n{S3_SECRET}\n")
    with s3_server(folder / "s3") as s3:
        service = f'{{ url = "{s3.url}", credentials_file = "{credentials}", ca_file = "{s3.issuer.ca_file}" }}'
        services = f'{{ signing_region = "{S3_REGION}", country = "DE", kms = {service}, s3 = {service} }}'
        installation = Installation(folder / "installation", region_extra={"eu": f"customer_services = [{services}]"})
        try:
            yield Customer(installation.start(), s3)
        finally:
            installation.stop()


def refusal(client: OpenAI, file_id: str) -> str | None:
    """The code with which the file's content is refused."""
    try:
        client.files.content(file_id)
    except APIStatusError as error:
        return error.code
    return None


def test_from_the_registration_to_the_taking_away(customer: Customer) -> None:
    arn, bucket = customer.s3.kms_arn(), customer.s3.bucket()
    key_id, found = customer.external_key(arn)
    assert found == "usable"
    project_id, client = customer.project(key_id)
    assert customer.external_storage(project_id, bucket) == "usable"
    assert customer.s3.names_in(bucket) == []
    canary = f"canary{secrets.token_hex(24)}canary"
    # Its key works once the region has its snapshot.
    file = eventually(lambda: created(client, canary))
    assert file is not None
    assert [name.partition("/")[0] for name in customer.s3.names_in(bucket)] == [project_id]
    objects = customer.installation.folder / "eu" / "objects"
    assert [path for path in objects.rglob("*") if path.is_file()] == []
    assert in_files(customer.installation.folder, forms(canary.encode())) == []
    assert client.files.content(file).read() == canary.encode()
    customer.s3.enable_key(arn, False)
    eventually(lambda: refusal(client, file) == "external_key_unavailable", within_s=90)
    customer.s3.enable_key(arn, True)
    assert client.files.content(file).read() == canary.encode()
    customer.s3.forbid(bucket, True)
    assert refusal(client, file) == "external_storage_unavailable"
    customer.s3.forbid(bucket, False)
    assert client.files.content(file).read() == canary.encode()


def created(client: OpenAI, content: str) -> str | None:
    """The id of a new file, or None for a key that the region does not know yet."""
    try:
        return client.files.create(file=(f"{content}.txt", content.encode()), purpose="user_data").id
    except APIStatusError as error:
        assert error.status_code == 401, error
        return None


def test_what_the_operator_does_not_offer_is_never_called(customer: Customer) -> None:
    asked = customer.s3.requests()
    elsewhere = f"arn:aws:kms:us-east-1:123456789012:key/{'0' * 36}"
    assert customer.external_key(elsewhere)[1] == "not_offered"
    assert customer.s3.requests() == asked


def test_a_key_that_does_not_let_the_region_in(customer: Customer) -> None:
    arn = customer.s3.kms_arn()
    customer.s3.enable_key(arn, False)
    assert customer.external_key(arn)[1] == "refused"
