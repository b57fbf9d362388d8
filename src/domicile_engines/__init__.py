"""The embedded engines: small CPU models behind OpenAI's wire format, in a process of their own."""

from domicile.confinement.surroundings import switch_off_telemetry

# Before any other import of the process: a library that uploads does so when it is imported.
switch_off_telemetry()
