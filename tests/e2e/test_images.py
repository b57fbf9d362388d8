"""Images by the drawing program in both regions, through the official SDK, and the links to them (C21)."""

import base64
import io
from urllib.parse import urlsplit

import httpx2
import pytest
from openai import BadRequestError, OpenAI
from PIL import Image

from tests.e2e.conftest import RunningUp
from tests.platform.installation import IssuedKey
from tests.platform.processes import eventually
from tests.residency.memory import forms, in_files

BOTH = pytest.mark.parametrize("code", ["us", "eu"])
PROMPT = "a red lighthouse by the sea at sunset"


@pytest.fixture
def keys(us_key: IssuedKey, eu_key: IssuedKey) -> dict[str, str]:
    return {"us": us_key.secret, "eu": eu_key.secret}


def link(client: OpenAI) -> str:
    (image,) = client.images.generate(model="dall-e-3", prompt=PROMPT).data or []
    assert image.url is not None
    assert image.b64_json is None
    return image.url


@BOTH
@pytest.mark.contract("C21")
def test_an_image_says_what_drew_it(up: RunningUp, keys: dict[str, str], code: str) -> None:
    client = up.client(code, keys[code])
    served = {model.id: model for model in client.models.list()}
    for model in ("dall-e-3", "procedural-sketch"):
        answer = client.images.with_raw_response.generate(
            model=model, prompt=PROMPT, size="1024x1792", quality="hd", style="natural", response_format="b64_json"
        )
        assert answer.headers["domicile-engine"] == "procedural-sketch"
        (image,) = answer.parse().data or []
        with Image.open(io.BytesIO(base64.b64decode(image.b64_json or ""))) as picture:
            assert (picture.format, picture.size, picture.info) == ("PNG", (1024, 1792), {})
        assert (image.revised_prompt or "").startswith("Drawn by procedural-sketch, a rule-based drawing program")
        assert served[model].model_extra == {"domicile": {"engines": ["procedural-sketch"]}}
    several = client.images.generate(model="procedural-sketch", prompt=PROMPT, n=2, response_format="b64_json").data
    assert len({image.b64_json for image in several or ()}) == 2


@BOTH
@pytest.mark.contract("C21")
@pytest.mark.contract("C05")
def test_a_link_is_the_regions_own_and_no_other_region_serves_it(
    up: RunningUp, keys: dict[str, str], code: str
) -> None:
    url = link(up.client(code, keys[code]))
    assert url.startswith(up.region_url(code) + "/images/content/img_")
    answer = httpx2.get(url)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    assert Image.open(io.BytesIO(answer.content)).size == (1024, 1024)
    other = up.region_url("us" if code == "eu" else "eu")
    parts = urlsplit(url)
    elsewhere = httpx2.get(f"{other.removesuffix('/v1')}{parts.path}?{parts.query}")
    assert (elsewhere.status_code, elsewhere.json()["error"]["code"]) == (404, "not_found")
    assert httpx2.get(url.partition("?")[0]).status_code == 404


@pytest.mark.contract("C21")
@pytest.mark.parametrize(
    ("members", "code", "param"),
    [
        ({"prompt": ""}, "invalid_value", "prompt"),
        ({"prompt": "x" * 4001}, "invalid_value", "prompt"),
        ({"n": 2}, "invalid_value", "n"),
        ({"size": "256x256"}, "invalid_value", "size"),
        ({"output_format": "webp"}, "unsupported_parameter", "output_format"),
        ({"stream": True}, "unsupported_parameter", "stream"),
        ({"model": "gpt-4o"}, "model_not_eligible", "model"),
    ],
)
def test_what_is_not_made_is_refused_by_its_member(
    up: RunningUp, keys: dict[str, str], members: dict[str, object], code: str, param: str
) -> None:
    with pytest.raises(BadRequestError) as caught:
        up.client("eu", keys["eu"]).images.generate(prompt=PROMPT, model="dall-e-3", extra_body=members)
    assert (caught.value.code, caught.value.param) == (code, param)


@pytest.mark.contract("C06")
@pytest.mark.contract("C07")
def test_without_the_link_nothing_of_it_can_be_read_from_the_disk(up: RunningUp, keys: dict[str, str]) -> None:
    """The whole folder of the installation: databases with their logs, and the logs of all processes."""
    url = link(up.client("eu", keys["eu"]))
    picture, key = httpx2.get(url).content, url.partition("?key=")[2]
    for needle in (key.encode(), PROMPT.encode()):
        assert in_files(up.folder, forms(needle)) == []
    of_the_picture = {"raw": picture[99:159], "base64": base64.b64encode(picture[99:159])}
    assert in_files(up.folder, of_the_picture) == []
    assert in_files(up.folder / "eu", {"id": urlsplit(url).path.rpartition("/")[2].encode()}) != [], "the search sees"


@pytest.mark.contract("C21")
def test_an_archived_projects_links_are_gone(up: RunningUp) -> None:
    key = up.new_key("eu")
    url = link(up.client("eu", key.secret))
    assert httpx2.get(url).status_code == 200
    up.admin().admin.organization.projects.archive(key.project_id)
    eventually(lambda: httpx2.get(url).status_code == 404, what="the link is gone")
