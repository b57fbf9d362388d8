"""Signature Version 4, by AWS's own test vector and by AWS's own library."""

from datetime import UTC, datetime

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from domicile.data_plane.storage.aws_signature import AwsCredentials, Scope, sign_post

CREDENTIALS = AwsCredentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")


def at(text: str) -> int:
    return int(datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp() * 1000)


def test_the_vector_of_the_specification() -> None:
    """`post-vanilla` of aws-sig-v4-test-suite."""
    headers = sign_post(
        CREDENTIALS, Scope("us-east-1", "service"), at("20150830T123600Z"), {"host": "example.amazonaws.com"}, b""
    )
    assert headers["authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, "
        "Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"
    )


def test_botocore_signs_the_same() -> None:
    body = b'{"KeyId":"k","Plaintext":"cGxhaW4="}'
    own = {
        "host": "kms.eu-central-1.amazonaws.com",
        "content-type": "application/x-amz-json-1.1",
        "x-amz-target": "TrentService.Encrypt",
    }
    request = AWSRequest("POST", f"https://{own['host']}/", headers=dict(own), data=body)
    SigV4Auth(Credentials(CREDENTIALS.key_id, CREDENTIALS.secret), "kms", "eu-central-1").add_auth(request)
    now = at(request.headers["X-Amz-Date"])
    signed = sign_post(CREDENTIALS, Scope("eu-central-1", "kms"), now, own, body)
    assert signed["authorization"] == request.headers["Authorization"]


def test_the_secret_is_in_no_repr() -> None:
    assert CREDENTIALS.secret not in repr(CREDENTIALS)
