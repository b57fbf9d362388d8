"""Reports of regions arrive at least once and count once: (region, writer, number) is stored with their content."""

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.boundary.audit import AuditReport
from domicile.boundary.service_levels import ServiceLevelReport
from domicile.boundary.usage import UsageReport
from domicile.control_plane.database import tables
from domicile.control_plane.database.transactions import Writing
from domicile.control_plane.principals.principal import EnrolledRegion
from domicile.kernel import errors

Report = UsageReport | AuditReport | ServiceLevelReport


def require_own(region: EnrolledRegion, report: Report) -> None:
    """Raises 403 unless the report concerns the region that signed it."""
    if report.region != region.code:
        raise errors.forbidden("wrong_region", "This report concerns another region than the one that signed it.")


async def receive(connection: AsyncConnection, report: Report, now_ms: int) -> Writing | None:
    """Records the report. Returns the transaction, to write its content; None when it has been counted before."""
    table = tables.received_report
    writing = Writing(connection)
    same = (table.c.region == report.region, table.c.writer == report.writer, table.c.number == report.number)
    if await writing.first(select(table.c.number).where(*same)) is not None:
        return None
    await writing.execute(
        insert(table).values(region=report.region, writer=report.writer, number=report.number, received_at_ms=now_ms)
    )
    return writing
