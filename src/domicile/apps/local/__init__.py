"""The supervisor of `domicile up`. It runs the control plane, regions and engines on one machine, as separate processes."""
