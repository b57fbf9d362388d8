"""Composition roots, one for each kind of process: the only places where configuration becomes objects."""

from domicile.confinement.surroundings import switch_off_telemetry

# Before any other import of any process: a library that uploads does so when it is imported.
switch_off_telemetry()
