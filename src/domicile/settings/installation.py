"""The shape of `domicile.toml` (design 6). An unknown member is an error: a misspelt one must not be ignored."""

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from domicile.kernel.geography import UnknownCountryError, country_set
from domicile.settings.content import CustomerServices, KeySettings, StorageSettings
from domicile.settings.database import DatabaseSettings
from domicile.settings.engines import EngineSettings, group_problems
from domicile.settings.fetch_hosts import FetchHost
from domicile.settings.limit_store import LimitStoreSettings
from domicile.settings.listener import Listener
from domicile.settings.paths import ConfigPath
from domicile.settings.spend_alerts import SpendAlertSettings
from domicile.settings.values import Country, HttpUrl, RegionCode, SettingsBlock


class EnrollmentSettings(SettingsBlock):
    """The enrollment of a region, at its first start."""

    token_file: ConfigPath | None = None
    """The file with the token of `domicile regions enroll`. Not needed once the region is enrolled."""


class RegionOperatorSettings(SettingsBlock):
    """The region's health and metrics, for its own operator."""

    listen: Listener = Listener(port=0)
    """Port 0: a free port. Its URL is in `DATA/operator-url`."""


class UsageSettings(SettingsBlock):
    """How a region stores and reports usage."""

    durable: bool = False
    """Whether an answer waits until its usage is on disk. Otherwise an entry is on disk within a second."""
    report_every_s: Annotated[float, Field(ge=0, le=60)] = 10.0
    """Seconds for which usage is summed before it is reported to the control plane."""


class DrainSettings(SettingsBlock):
    """The shutdown of a region, after SIGTERM."""

    timeout_s: Annotated[float, Field(ge=1, le=3600)] = 5.0
    """Seconds for which answers in flight may continue. An answer cut off then tells its caller so, and is metered."""
    notice_s: Annotated[float, Field(ge=0, le=300)] = 0.0
    """Seconds for which the region still accepts requests while `/readyz` says 503, so that a load balancer notices."""


class LimitSettings(SettingsBlock):
    """The limits of a region: of each of its processes, and of each project."""

    body_memory_mib: Annotated[int, Field(ge=64, le=1_048_576)] = 512
    """Memory for the larger bodies of unanswered requests together. One project may use half of it; beyond it: 503. A
    recording takes up to three times its size, a file that is uploaded 24 MiB, and one that is read 16 MiB."""
    project_files: Annotated[int, Field(ge=1, le=10_000_000)] = 100_000
    """Files that one project may store. Beyond it: 413 `storage_quota_exceeded`."""
    project_storage_gib: Annotated[int, Field(ge=1, le=1_048_576)] = 100
    """GiB of files that one project may store. Beyond it: 413 `storage_quota_exceeded`."""
    store: LimitStoreSettings | None = None
    """Where the region's processes count rate limits together. None: each process allows its share of them."""


class BatchSettings(SettingsBlock):
    """How each process of a region runs batches."""

    in_region: bool = True
    """Whether the processes that serve the region's API run batches too. Otherwise only `domicile region worker` does."""
    lines_at_once: Annotated[int, Field(ge=1, le=4096)] = 16
    """Requests of batches that run at the same time, for all projects together."""


class RegionSettings(SettingsBlock):
    """One region. Its code and residency value never change, and its list of countries may only shrink (design 6)."""

    code: RegionCode
    residency: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{1,63}$")]
    geography: Annotated[str, Field(pattern=r"^[A-Z]{2,8}$")]
    """The value of `geography`, OpenAI's older field for the same."""
    countries: Annotated[tuple[str, ...], Field(min_length=1)]
    public_url: HttpUrl
    listen: Listener
    requires: frozenset[Literal["enterprise", "zdr"]] = frozenset()
    allows_storing: bool = False
    """Whether `store: true` may be served here. The contract allows it in the US only (design 5)."""
    rows_of: RegionCode | None = None
    """The region code whose rows of the catalogue apply here. None: its own code. What is not listed is refused."""
    data: ConfigPath
    """The folder under which all of this region's data lies."""
    database: DatabaseSettings = DatabaseSettings()
    storage: StorageSettings = StorageSettings()
    keys: KeySettings = KeySettings()
    customer_services: tuple[CustomerServices, ...] = ()
    """Where customers' own keys and buckets may stand: one entry for each signing region. None by default."""
    enrollment: EnrollmentSettings = EnrollmentSettings()
    operator: RegionOperatorSettings = RegionOperatorSettings()
    usage: UsageSettings = UsageSettings()
    drain: DrainSettings = DrainSettings()
    limits: LimitSettings = LimitSettings()
    batches: BatchSettings = BatchSettings()
    engines: tuple[EngineSettings, ...] = ()
    fetch_hosts: tuple[FetchHost, ...] = ()
    """Hosts from which the region fetches an image that a caller names by its URL. None by default."""

    @model_validator(mode="after")
    def _engines_inside(self) -> "RegionSettings":
        allowed = self.country_codes
        for engine in self.engines:
            if engine.country not in allowed:
                raise ValueError(
                    f"engine '{engine.name}' stands in {engine.country}, which is not one of the countries of region "
                    f"'{self.code}': {', '.join(sorted(allowed))}"
                )
        if self.database.country is not None and self.database.country not in allowed:
            raise ValueError(
                f"the database stands in {self.database.country}, which is not one of the countries of region "
                f"'{self.code}': {', '.join(sorted(allowed))}"
            )
        limits = self.limits.store
        if limits is not None and limits.country is not None and limits.country not in allowed:
            raise ValueError(
                f"the store of rate limits stands in {limits.country}, which is not one of the countries of region "
                f"'{self.code}': {', '.join(sorted(allowed))}"
            )
        stores = () if self.storage.country is None else (self.storage.country,)
        for country in (*stores, *self.keys.countries):
            if country not in allowed:
                raise ValueError(
                    f"the object store and the keys must stand in the countries of region '{self.code}', not in {country}: "
                    f"{', '.join(sorted(allowed))}"
                )
        for services in self.customer_services:
            if services.country not in allowed:
                raise ValueError(
                    f"customer_services of '{services.signing_region}' stand in {services.country}, which is not one of the "
                    f"countries of region '{self.code}': {', '.join(sorted(allowed))}"
                )
        if len({each.signing_region for each in self.customer_services}) != len(self.customer_services):
            raise ValueError("two customer_services of one region have the same signing_region")
        if self.keys.database.url is not None and self.keys.database.url == self.database.url:
            raise ValueError("the key store must not be the region's own database: its backups would hold the keys")
        names = [engine.name for engine in self.engines]
        if len(set(names)) != len(names):
            raise ValueError("two engines of one region have the same name")
        for problem in group_problems(self.engines):
            raise ValueError(problem)
        return self

    @model_validator(mode="after")
    def _batches_run(self) -> "RegionSettings":
        if not self.batches.in_region and self.database.url is None:
            raise ValueError(
                f"region '{self.code}' is on SQLite, which one process of a region can use: workers apart need PostgreSQL. "
                "Remove batches.in_region, or set database.url"
            )
        return self

    @model_validator(mode="after")
    def _reached_over_tls(self) -> "RegionSettings":
        self.listen.require_tls_in("public_url", self.public_url)
        return self

    @model_validator(mode="after")
    def _fetches_inside(self) -> "RegionSettings":
        for host in self.fetch_hosts:
            if host.country not in self.country_codes:
                raise ValueError(
                    f"fetch host '{host.host}' stands in {host.country}, which is not one of the countries of region "
                    f"'{self.code}': {', '.join(sorted(self.country_codes))}"
                )
        if len({(host.host, host.port) for host in self.fetch_hosts}) != len(self.fetch_hosts):
            raise ValueError("two fetch hosts of one region are the same")
        return self

    @model_validator(mode="after")
    def _stores_only_where_it_may(self) -> "RegionSettings":
        if self.allows_storing and "zdr" in self.requires:
            raise ValueError(f"region '{self.code}' requires Zero Data Retention, so it cannot allow storing as well")
        if self.allows_storing and not self.country_codes <= country_set("US").countries:
            raise ValueError(f"region '{self.code}' lies outside the US, where completions are never stored")
        return self

    @property
    def country_codes(self) -> frozenset[str]:
        """The countries in which this region processes and stores."""
        try:
            return country_set(self.countries).countries
        except UnknownCountryError as error:
            raise ValueError(str(error)) from error

    @property
    def public_host(self) -> str:
        """Host, and port if the URL names one. Other regions name it to a caller with this region's key (C12)."""
        return urlsplit(self.public_url).netloc

    @property
    def base_url(self) -> str:
        """The base URL for OpenAI's clients: `public_url` with one `/v1` at its end, however it was written."""
        return f"{self.public_url.removesuffix('/v1')}/v1"

    @property
    def salted_engines(self) -> frozenset[str]:
        """The names of the engines that keep prompt caches apart by a salt."""
        return frozenset(engine.name for engine in self.engines if engine.cache_salt)

    @property
    def catalogue_rows(self) -> str:
        """The region code whose rows of the catalogue apply here."""
        return self.rows_of or self.code


class BoundarySettings(SettingsBlock):
    """The listener at which the regions fetch snapshots and report usage."""

    listen: Listener
    url: HttpUrl
    """The URL at which the regions reach the listener."""
    ca_file: ConfigPath | None = None
    """PEM: the root certificates with which regions verify the listener's certificate. None: the system's."""

    @model_validator(mode="after")
    def _reached_over_tls(self) -> "BoundarySettings":
        self.listen.require_tls_in("url", self.url)
        if self.ca_file is not None and not self.url.startswith("https:"):
            raise ValueError("ca_file needs a url that starts with https")
        return self


class ControlOperatorSettings(SettingsBlock):
    """Access to the operator API."""

    key_file: ConfigPath
    """The file with the operator key. The first start makes it."""


class FirstOrganizationSettings(SettingsBlock):
    """The organization that the first start makes."""

    admin_key_file: ConfigPath | None = None
    """The file to which the first start writes the first admin key. None: the first start prints it."""
    agreement: bool = False
    """Whether it starts with the Enterprise agreement, ZDR eligibility and every endpoint approved."""


class ControlSettings(SettingsBlock):
    """The control plane, which never holds content."""

    listen: Listener
    country: Country
    data: ConfigPath
    boundary: BoundarySettings
    operator: ControlOperatorSettings
    first_organization: FirstOrganizationSettings = FirstOrganizationSettings()
    database: DatabaseSettings = DatabaseSettings()
    spend_alerts: SpendAlertSettings = SpendAlertSettings()


class Installation(SettingsBlock):
    """The whole of `domicile.toml`."""

    home: RegionCode
    """The region in whose countries the control plane and its database stand."""
    default_region: RegionCode
    """The region of a new project that names none (C11)."""
    catalogue_file: ConfigPath | None = None
    """A file with the operator's own rows, added to the shipped catalogue."""
    prices_file: ConfigPath | None = None
    """A file with the operator's own prices, for all regions alike. Only the control plane reads it."""
    control: ControlSettings
    regions: Annotated[tuple[RegionSettings, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _regions_distinct(self) -> "Installation":
        for name, values in (
            ("code", [region.code for region in self.regions]),
            ("residency", [region.residency for region in self.regions]),
            ("geography", [region.geography for region in self.regions]),
            ("public_url", [region.public_url for region in self.regions]),
            ("data", [region.data for region in self.regions]),
        ):
            if len(set(values)) != len(values):
                raise ValueError(f"two regions have the same {name}")
        codes = {region.code for region in self.regions}
        for name, code in (("home", self.home), ("default_region", self.default_region)):
            if code not in codes:
                raise ValueError(f"{name} = '{code}' is none of the regions: {', '.join(sorted(codes))}")
        if self.control.country not in self.region(self.home).country_codes:
            raise ValueError(f"the control plane stands in {self.control.country}, outside its home '{self.home}'")
        database_country = self.control.database.country
        if database_country is not None and database_country not in self.region(self.home).country_codes:
            raise ValueError(
                f"the control plane's database stands in {database_country}, outside its home '{self.home}'"
            )
        return self

    def region(self, code: str) -> RegionSettings:
        """The region with this code. Raises ValueError: an unknown region is an error, never a default."""
        for region in self.regions:
            if region.code == code:
                return region
        raise ValueError(
            f"no region '{code}' in the configuration; there are: {', '.join(r.code for r in self.regions)}"
        )
