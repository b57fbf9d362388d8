"""The supervisor of `domicile up`: control plane, regions and their engines on one machine, as separate processes."""
