"""Links to images die with what shuts their project out: the region's block at once, an archived project with its snapshot."""

import httpx2

from tests.platform.installation import Installation, IssuedKey
from tests.platform.processes import eventually


def _link(installation: Installation, issued: IssuedKey) -> str:
    made = installation.client("eu", issued.secret).images.generate(model="dall-e-3", prompt="x")
    (image,) = made.data or []
    assert image.url is not None
    assert httpx2.get(image.url).status_code == 200
    return image.url


def _block(installation: Installation, method: str, path: str, body: dict[str, str] | None = None) -> None:
    url, key = ((installation.folder / "eu" / name).read_text().strip() for name in ("operator-url", "operator-key"))
    headers = {"authorization": f"Bearer {key}"}
    assert httpx2.request(method, f"{url}/operator/v1/blocks{path}", headers=headers, json=body).status_code == 200


def test_a_blocked_projects_links_are_gone_at_once_and_back_when_it_is_let_in_again(installation: Installation) -> None:
    issued, other = installation.new_key("eu"), installation.new_key("eu")
    url, of_another = _link(installation, issued), _link(installation, other)
    _block(installation, "POST", "", {"id": issued.project_id})
    assert httpx2.get(url).status_code == 404
    assert httpx2.get(of_another).status_code == 200
    _block(installation, "DELETE", f"/{issued.project_id}")
    assert httpx2.get(url).status_code == 200


def test_a_blocked_key_leaves_its_projects_links(installation: Installation) -> None:
    """A link is its own key, and belongs to the project."""
    issued = installation.new_key("eu")
    url = _link(installation, issued)
    _block(installation, "POST", "", {"id": issued.key_id})
    assert httpx2.get(url).status_code == 200


def test_an_archived_projects_links_are_gone(installation: Installation) -> None:
    issued = installation.new_key("eu")
    url = _link(installation, issued)
    installation.admin().admin.organization.projects.archive(issued.project_id)
    eventually(lambda: httpx2.get(url).status_code == 404, within_s=20, what="the link is gone")
