"""Every endpoint of the engines is a package with the same file names and one capability check."""

from tests.architecture.source import SOURCE

ENDPOINTS = SOURCE / "domicile_engines" / "endpoints"
FILES = {"__init__.py", "capability.py", "endpoint.py", "reply.py"}


def test_every_endpoint_has_the_same_files() -> None:
    packages = {folder.name: folder for folder in ENDPOINTS.iterdir() if (folder / "__init__.py").is_file()}
    assert len(packages) >= 7
    for name, folder in packages.items():
        assert {file.name for file in folder.glob("*.py")} == FILES, name


def test_every_endpoint_has_one_capability_check() -> None:
    for file in ENDPOINTS.glob("*/capability.py"):
        public = [line for line in file.read_text("utf-8").splitlines() if line.startswith("def ") and line[4] != "_"]
        assert len(public) == 1, file
        assert public[0].startswith("def check_capability("), file
        assert "check_capability" in file.with_name("endpoint.py").read_text("utf-8"), file
