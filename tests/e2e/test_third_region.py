"""A third region is a block of configuration (C17)."""

from pathlib import Path

import pytest
from openai import AuthenticationError

from tests.component.apps.test_up import JAPAN
from tests.e2e.conftest import start_up, wait_until_ready
from tests.platform.processes import consecutive_ports


@pytest.mark.contract("C17")
@pytest.mark.timeout(200)
def test_japan_is_served_from_a_block_of_configuration_alone(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(JAPAN)
    up = start_up(tmp_path / "data", consecutive_ports(3), "--config", str(file))
    try:
        wait_until_ready(up)
        key = up.new_key("jp")
        raw = up.client("jp", key.secret).chat.completions.with_raw_response.create(
            model="smollm2-135m-instruct", messages=[{"role": "user", "content": "Say hello."}], max_tokens=2
        )
        assert raw.headers["domicile-region"] == "jp"
        with pytest.raises(AuthenticationError) as caught:
            up.client("us", key.secret).models.list()
        assert caught.value.code == "incorrect_hostname"
        assert caught.value.message.endswith(up.region_url("jp").removeprefix("http://").removesuffix("/v1"))
    finally:
        up.process.terminate()
        up.process.wait(15)
