"""The embedded engines: small CPU models behind OpenAI's API, in their own process."""

from domicile.confinement.surroundings import switch_off_telemetry

# Before any other import: some libraries send telemetry as soon as they are imported.
switch_off_telemetry()
