"""`python -m domicile.apps.control`: the process of the control plane."""

import typer

from domicile.apps.control.process import main

if __name__ == "__main__":
    typer.run(main)
