"""`python -m domicile.apps.region.worker`: a process of a region that runs its batches and serves no API.

Any number of them may run beside the region's other processes, with the same settings.
"""

from contextlib import AsyncExitStack

from domicile.apps.region.composition import compose_region
from domicile.apps.region.enrollment import RegionStartError
from domicile.apps.region.process import command_line, prepare, serve, start
from domicile.data_plane.clock import RegionClock
from domicile.kernel.clock import SystemClock
from domicile.settings.installation import Installation
from domicile.web.server.http_server import stop_signals

URL_FILE = "worker-operator-url"


async def run(installation: Installation, code: str, operator_port: int = 0) -> None:
    """Run the region's batches until SIGTERM or SIGINT. Then open chunks are given back, and other workers begin them again.

    `operator_port`: of health and metrics, 0 for a free one. Raises `RegionStartError` for a region on SQLite.
    """
    settings, stop = installation.region(code), stop_signals()
    if settings.database.url is None:
        raise RegionStartError(
            f"region '{code}' is on SQLite, which one process of a region can use: it runs batches itself. For workers apart "
            "give it PostgreSQL (docs/databases.md)"
        )
    prepare(settings, "worker")
    async with AsyncExitStack() as stack:
        region = await compose_region(installation, settings, RegionClock(SystemClock()), stack, runs_batches=True)
        operator = region.operator.listen(stack, port=operator_port, url_file=URL_FILE)
        # Nothing has to be told to a load balancer.
        await serve([operator], region, stop, notice_s=0)


def main() -> None:
    """Read the options, run the worker, and exit."""
    parser = command_line("domicile.apps.region.worker", "Runs the batches of one region.")
    parser.add_argument("--operator-port", type=int, default=0, help="the port of health and metrics; 0: a free one")
    arguments = parser.parse_args()
    start(
        arguments,
        lambda installation: run(installation, arguments.region, arguments.operator_port),
        command="domicile region worker",
    )


if __name__ == "__main__":
    main()
