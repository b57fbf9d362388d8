"""Two organizations at one region: nothing of the other's can be named there, and naming it is like naming nothing."""

import json
import re

import httpx2
import pytest
from openai import NotFoundError, OpenAI

from domicile.kernel.ids import new_id
from tests.architecture.authorization import Entry, read_table
from tests.platform.installation import Installation, IssuedKey
from tests.platform.processes import eventually
from tests.residency.test_error_table import CHAT, MODEL, check, said

IDENTIFIERS = {
    "model:path": "the catalogue's, the same for all",
    "image_id": "a link opens by the key within it, whoever asks: below",
    "file_id": "a project's: below",
    "upload_id": "a project's: below",
    "batch_id": "a project's: below",
}


@pytest.fixture(scope="module")
def keys(installation: Installation) -> list[tuple[str, IssuedKey]]:
    """The id of each organization, and a key of its own project."""
    made = []
    for name in ("one", "other"):
        organization = installation.operator("POST", "/operator/v1/organizations", {"name": name})
        agreed = {"enterprise_agreement": True, "zdr_eligible": True, "zdr_endpoints": "all"}
        installation.operator("POST", f"/operator/v1/organizations/{organization['id']}", agreed)
        admin = installation.admin(organization["admin_api_key"]["value"])
        made.append((organization["id"], installation.new_key("eu", admin=admin)))
    return made


def test_every_path_of_a_region_that_names_an_object_is_tried_here() -> None:
    """Such a path needs its own tests here, with another organization's ids."""
    named = {name for entry in read_table().entries if entry.listener == "region" for name in _names(entry.path)}
    assert named == set(IDENTIFIERS)


def _names(path: str) -> list[str]:
    return re.findall(r"{([^}]+)}", path)


STORED = [
    entry
    for entry in read_table().entries
    if entry.listener == "region" and set(_names(entry.path)) & {"file_id", "upload_id", "batch_id"}
]
INPUT = json.dumps(
    {
        "custom_id": "1",
        "method": "POST",
        "url": "/v1/embeddings",
        "body": {"model": "text-embedding-3-small", "input": "x"},
    }
).encode()


@pytest.fixture(scope="module")
def theirs(installation: Installation, keys: list[tuple[str, IssuedKey]]) -> dict[str, str]:
    """What the other organization has stored: the id of a file, of an upload and of a batch."""
    client = OpenAI(base_url=f"{installation.region_url('eu')}/v1", api_key=keys[1][1].secret, max_retries=0)
    file = client.files.create(file=("theirs.jsonl", INPUT), purpose="batch")
    upload = client.uploads.create(filename="theirs", purpose="user_data", bytes=1, mime_type="text/plain")
    batch = client.batches.create(input_file_id=file.id, endpoint="/v1/embeddings", completion_window="24h")
    # Its line reaches the engine before the tests below look at what the engine was sent.
    eventually(lambda: client.batches.retrieve(batch.id).status == "completed")
    return {"file_id": file.id, "upload_id": upload.id, "batch_id": batch.id}


@pytest.mark.parametrize("entry", STORED, ids=lambda entry: f"{entry.method} {entry.path}")
def test_what_the_other_has_stored_is_answered_like_what_is_not_there(
    installation: Installation, keys: list[tuple[str, IssuedKey]], theirs: dict[str, str], entry: Entry
) -> None:
    [name] = _names(entry.path)
    prefix = re.split(r"[-_]", theirs[name])[0]
    guess = theirs[name][: len(prefix) + 1] + theirs[name][len(prefix) + 1 :][::-1]
    form = {"data": (None, b"x")} if entry.path.endswith("/parts") else None
    body = None if entry.body is None else json.loads(entry.body)
    answers = [
        httpx2.request(
            entry.method,
            installation.region_url("eu") + entry.path.replace(f"{{{name}}}", each),
            headers={"authorization": f"Bearer {keys[0][1].secret}"},
            json=body,
            files=form,
        )
        for each in (theirs[name], guess)
    ]
    errors = [check(answer, 404, "not_found") for answer in answers]
    assert errors[0]["message"].replace(theirs[name], "ID") == errors[1]["message"].replace(guess, "ID")


def test_what_the_other_has_stored_is_listed_and_used_by_nobody_else(
    installation: Installation, keys: list[tuple[str, IssuedKey]], theirs: dict[str, str]
) -> None:
    mine, other = (
        OpenAI(base_url=f"{installation.region_url('eu')}/v1", api_key=key.secret, max_retries=0) for _, key in keys
    )
    assert not list(mine.files.list())
    assert not list(mine.batches.list())
    with pytest.raises(NotFoundError):
        mine.batches.create(input_file_id=theirs["file_id"], endpoint="/v1/embeddings", completion_window="24h")
    assert other.files.content(theirs["file_id"]).content == INPUT
    assert other.batches.retrieve(theirs["batch_id"]).input_file_id == theirs["file_id"]


def test_the_id_of_the_others_image_is_worth_no_more_than_a_guess(
    installation: Installation, keys: list[tuple[str, IssuedKey]]
) -> None:
    (_, mine), (_, theirs) = keys
    url = installation.region_url("eu")
    link = httpx2.post(
        f"{url}/v1/images/generations",
        headers={"authorization": f"Bearer {theirs.secret}"},
        json={"model": "dall-e-3", "prompt": "a cat"},
    ).json()["data"][0]["url"]
    path = link.partition("?")[0]
    guess = f"{path.rpartition('/')[0]}/{new_id('img_')}"
    answers = [httpx2.get(each, headers={"authorization": f"Bearer {mine.secret}"}) for each in (path, guess)]
    errors = [check(answer, 404, "not_found")["message"] for answer in answers]
    assert errors[0].replace(path.rpartition("/")[2], "ID") == errors[1].replace(guess.rpartition("/")[2], "ID")


@pytest.mark.parametrize("path", ["/v1/models", f"/v1/models/{MODEL}", CHAT])
@pytest.mark.parametrize("header", ["OpenAI-Organization", "OpenAI-Project"])
def test_naming_the_other_one_is_like_naming_nobody(
    installation: Installation, keys: list[tuple[str, IssuedKey]], path: str, header: str
) -> None:
    (_, mine), (organization, theirs) = keys
    foreign = organization if header == "OpenAI-Organization" else theirs.project_id
    body = {"model": MODEL, "messages": said("x")} if path == CHAT else None
    errors = []
    for value in (foreign, new_id(foreign[:-24])):
        answer = httpx2.request(
            "GET" if body is None else "POST",
            installation.region_url("eu") + path,
            headers={"authorization": f"Bearer {mine.secret}", header: value},
            json=body,
        )
        errors.append(check(answer, 401, "mismatched_project"))
    assert errors[0] == errors[1]
    assert foreign not in str(errors[0])


def test_one_is_served_whatever_happens_to_the_other(
    installation: Installation, keys: list[tuple[str, IssuedKey]]
) -> None:
    (organization, mine), (_, theirs) = keys
    body = {"model": MODEL, "messages": said("x")}

    def ask(key: IssuedKey) -> httpx2.Response:
        url = f"{installation.region_url('eu')}{CHAT}"
        return httpx2.post(url, headers={"authorization": f"Bearer {key.secret}"}, json=body, timeout=20)

    installation.operator("POST", f"/operator/v1/organizations/{organization}", {"zdr_eligible": False})
    check(ask(mine), 403, "zdr_eligibility_required")
    assert ask(theirs).status_code == 200
    with installation.engine("eu") as engine:
        salts = [sent["body"].get("cache_salt") for sent in engine.get("/requests").json()]
    installation.operator("POST", f"/operator/v1/organizations/{organization}", {"zdr_eligible": True})
    assert ask(mine).status_code == 200
    with installation.engine("eu") as engine:
        again = [sent["body"].get("cache_salt") for sent in engine.get("/requests").json()]
    assert again[-1]
    assert again[-1] != salts[-1], "the engine keeps their caches apart"
