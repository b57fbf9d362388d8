"""A region's inspector, as the region itself starts it: real processes."""

import sys
from contextlib import AsyncExitStack
from pathlib import Path

from domicile.confinement.surroundings import environment_of_child
from domicile.data_plane.inspection.inspector import Inspector


def inspector_in(folder: Path, stack: AsyncExitStack, module: str = "domicile.apps.inspector") -> Inspector:
    """`module`: another program in its place, with the same options."""
    inspector = Inspector((sys.executable, "-m", module, "--data", str(folder)), environment_of_child())
    stack.push_async_callback(inspector.close)
    return inspector
