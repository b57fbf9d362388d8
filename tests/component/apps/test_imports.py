"""What each process imports, and in which order, told by real interpreters."""

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize("app", ["region", "control"])
def test_no_decoder_and_no_model_is_in_a_process_that_reaches_a_network(app: str) -> None:
    """Also not by way of something else that imports one."""
    foreign = {"av", "PIL", "onnxruntime", "faster_whisper", "ctranslate2", "xllamacpp", "huggingface_hub", "numpy"}
    code = f"import sys, domicile.apps.{app}.process; print(*({foreign!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.split() == []


@pytest.mark.parametrize(
    ("module", "at_the_first_library"),
    [
        ("domicile.apps.region.__main__", "off"),
        ("domicile.apps.control.__main__", "off"),
        ("domicile.apps.local.__main__", "off"),
        ("domicile_engines.__main__", "none"),
        ("domicile.apps.inspector", "none"),
    ],
)
def test_telemetry_is_off_before_any_library_is_imported(module: str, at_the_first_library: str) -> None:
    """The last two import none until they have their walls around them."""
    code = f"""
import os, sys
class Watch:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in sys.stdlib_module_names and top not in {{"domicile", "domicile_engines", "_distutils_hack", "org"}}:
            off = os.environ.get("ORT_DISABLE_TELEMETRY") == "1" and os.environ.get("HF_HUB_OFFLINE") == "1"
            print("off" if off else "on", flush=True)
            os._exit(0)
sys.meta_path.insert(0, Watch())
import {module}
print("none")
"""
    environment = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120, env=environment
    )
    assert done.stdout.strip() == at_the_first_library
