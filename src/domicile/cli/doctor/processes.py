"""Checks the running processes: whether they answer, their clocks, snapshots and outboxes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from domicile.cli.doctor.finding import Finding, fail, ok, warn
from domicile.cli.doctor.http_get import CheckReply, UnreachableError, send_get
from domicile.settings.engines import EngineSettings
from domicile.settings.installation import ControlSettings, Installation, RegionSettings

CLOCK_WARN_S = 5
# A region's signature is valid for this time. With a larger difference, a region must follow the control plane's clock.
CLOCK_FAIL_S = 300
# A snapshot is renewed every ten seconds.
SNAPSHOT_WARN_S = 60
SNAPSHOT_FAIL_S = 3600
OUTBOX_WARN_S = 300
OUTBOX_FAIL_S = 86_400


def check_processes(installation: Installation) -> Iterator[Finding]:
    """Check the control plane, then each region with its engines."""
    control = installation.control
    yield from _check_control(control)
    yield from _check_enrollments(installation)
    for region in installation.regions:
        for engine in region.engines:
            yield _check_engine(region, engine)
        yield from _check_region(region)


def _check_control(control: ControlSettings) -> Iterator[Finding]:
    for name, url, path, pinned in (
        ("Admin API", _admin_url(control), "/healthz", control.listen.tls.certificate_file),
        # This path does not exist there, so any status shows that it answers.
        ("boundary", control.boundary.url, "/", None),
    ):
        try:
            answer = send_get(url, path, ca_file=control.boundary.ca_file, pinned=pinned)
        except UnreachableError as error:
            if name == "Admin API" and control.listen.tls.trusted_proxies:
                yield warn(
                    "control",
                    name,
                    f"{url} does not answer here",
                    "Check it through its proxy: it accepts no other peers.",
                )
                continue
            yield fail(
                "control", name, f"{url} does not answer: {error}", "Start the control plane, or open the network path."
            )
            continue
        if name == "Admin API" and answer.status != 200:
            yield fail(
                "control", name, f"{url} answers {answer.status}", "Read its log: its database may be unreachable."
            )
        else:
            yield ok("control", name, f"{url} answers")
        if name == "boundary":
            yield _check_clock("control", answer)


def _check_clock(where: str, answer: CheckReply) -> Finding:
    if answer.ahead_s is None:
        return warn(where, "clock", "its replies have no Date header", "Is it Domicile? Check the proxies in between.")
    seconds = round(abs(answer.ahead_s))
    found = f"{seconds} s from this machine's clock"
    if seconds >= CLOCK_FAIL_S:
        return fail(where, "clock", found, "Set the clocks by NTP: keys would expire at the wrong time.")
    if seconds >= CLOCK_WARN_S:
        return warn(where, "clock", found, "Set the clocks by NTP.")
    return ok(where, "clock", found)


def _check_enrollments(installation: Installation) -> Iterator[Finding]:
    """Check the regions' enrollment by the operator API. Yields nothing if the operator key is not readable here."""
    control = installation.control
    key = _line(control.operator.key_file)
    if key is None:
        return
    try:
        pinned = control.listen.tls.certificate_file
        answer = send_get(_admin_url(control), "/operator/v1/regions", key=key, pinned=pinned)
    except UnreachableError:
        return
    if answer.status == 401:
        yield fail("control", "operator key", "refused", f"Write the right key to {control.operator.key_file}.")
    known: Any = answer.member("data")
    for region in known if isinstance(known, list) else []:
        code, count = region["code"], len(region["replicas"])
        if not region["enrolled"]:
            yield fail(code, "enrolled", "no", f"domicile regions enroll {code}, then start the region.")
        else:
            yield ok(code, "enrolled", f"yes; {count} replica{'' if count == 1 else 's'} heard of within the last hour")
            yield _check_root_key(code, region)


def _check_root_key(code: str, region: Any) -> Finding:
    if region.get("root_key_is_current"):
        return ok(code, "root key", "trusts the current one")
    found = "it has not reported which one it trusts" if region.get("root_key") is None else "trusts an older one"
    return warn(
        code, "root key", found, "Keep the older root key, start the region, and upgrade it first if it is old."
    )


def _check_engine(region: RegionSettings, engine: EngineSettings) -> Finding:
    name = f"engine {engine.name}"
    # A configuration with an engine outside the region does not load. The country is shown for auditors.
    place = f"{engine.country}, operated by {engine.operator}"
    if engine.vendor != "openai_compatible" or engine.health_path == "none":
        # A check would need the engine's key, which only the region may send.
        return ok(region.code, name, f"{place}; not checked from here: see the region's health and metrics")
    url = (engine.url or "http://engine").removesuffix("/v1")
    path = "/health" if engine.health_path is None else engine.health_path
    if engine.health_path is not None:
        url = f"{urlsplit(url).scheme}://{urlsplit(url).netloc}"
    try:
        answer = send_get(url, path, unix=engine.socket, ca_file=engine.ca_file)
    except UnreachableError as error:
        return fail(region.code, name, f"{place}; it does not answer: {error}", "Start it, or correct its address.")
    if answer.status != 200:
        return fail(region.code, name, f"{place}; its {path} answers {answer.status}", "Read its log.")
    return ok(region.code, name, f"{place}; it answers")


def _check_region(region: RegionSettings) -> Iterator[Finding]:
    url, key = _line(region.data / "operator-url"), _line(region.data / "operator-key")
    if url is None or key is None:
        yield fail(
            region.code,
            "process",
            "not running: there is no operator-url in its data folder",
            f"Start 'domicile region {region.code}', or run this command where the region runs.",
        )
        return
    try:
        answer = send_get(url, "/operator/v1/health", key=key, pinned=region.operator.listen.tls.certificate_file)
    except UnreachableError as error:
        yield fail(region.code, "process", f"{url} does not answer: {error}", f"Start 'domicile region {region.code}'.")
        return
    if answer.status != 200:
        yield fail(region.code, "process", f"{url} answers {answer.status}", "Is operator-key this region's key?")
        return
    yield ok(region.code, "process", f"answers at {url}")
    yield _check_clock(region.code, answer)
    yield _check_correction(region.code, answer.member("clock"))
    yield _check_snapshot(region.code, answer.member("snapshot"))
    yield _check_outbox(region.code, answer.member("outbox"))
    if region.limits.store is not None:
        yield _check_limit_store(region.code, answer.member("limit_store"))


def _check_correction(code: str, clock: Any) -> Finding:
    if not clock:
        return warn(code, "time", "it does not report its correction", "Does the process run this version?")
    seconds = int(clock["correction_seconds"])
    found = f"corrected by {seconds} s to the control plane's clock"
    if seconds:
        return warn(code, "time", found, "Set the clocks of both machines by NTP, and check which of them was wrong.")
    return ok(code, "time", "within 5 s of the control plane's clock")


def _check_snapshot(code: str, snapshot: Any) -> Finding:
    if not snapshot:
        return fail(
            code, "snapshot", "none", "Is it enrolled, and does it reach control.boundary.url? Its log says why not."
        )
    age = int(snapshot["age_seconds"])
    found = f"epoch {snapshot['epoch']}, number {snapshot['number']}, {age} s old"
    if age >= SNAPSHOT_FAIL_S:
        return fail(code, "snapshot", found, "It gets no revocations: open the network path to control.boundary.url.")
    if age >= SNAPSHOT_WARN_S:
        return warn(code, "snapshot", found, "It does not reach the control plane, so it gets no revocations.")
    return ok(code, "snapshot", found)


def _check_limit_store(code: str, store: Any) -> Finding:
    if not store:
        return warn(code, "limit store", "the region does not use it", "Restart it: the configuration names one.")
    if not store["reachable"]:
        return fail(
            code,
            "limit store",
            f"away for {store['away_seconds']} s",
            "Each process allows its share of every rate limit: start the store, or open the network path to it.",
        )
    return ok(code, "limit store", "answers")


def _check_outbox(code: str, outbox: Any) -> Finding:
    if outbox is None:
        return fail(code, "outbox", "its database does not answer", "Usage waits in memory: restore the database.")
    age = outbox["oldest_unsent_age_seconds"] or 0
    found = f"{outbox['depth']} reports wait, the oldest for {age} s; {outbox['refused']} refused"
    if outbox["refused"]:
        return warn(code, "outbox", found, "The control plane refused some usage, which is not billed: read the log.")
    if age >= OUTBOX_FAIL_S:
        return fail(
            code, "outbox", found, "Usage waits for the control plane: open the network path to control.boundary.url."
        )
    if age >= OUTBOX_WARN_S:
        return warn(code, "outbox", found, "Usage waits for the control plane. Nothing is lost.")
    return ok(code, "outbox", found)


def _admin_url(control: ControlSettings) -> str:
    scheme = "http" if control.listen.tls.certificate_file is None else "https"
    return f"{scheme}://{_host(control.listen.host)}:{control.listen.port}"


def _host(host: str) -> str:
    """The host to call for a listener: the loopback address if it listens on every address."""
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)


def _line(file: Path) -> str | None:
    """The file's first word. None if unreadable. A key file has two keys while one is replaced; either works."""
    try:
        return next(iter(file.read_text("ascii").split()), None)
    except (OSError, UnicodeDecodeError):
        return None
