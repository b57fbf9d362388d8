"""Composition roots, one for each kind of process. Only here does configuration become objects."""

from domicile.confinement.surroundings import switch_off_telemetry

# Before any other import: some libraries send telemetry as soon as they are imported.
switch_off_telemetry()
