"""`python -m domicile.apps.region`: the process of one region."""

from domicile.apps.region.process import main

if __name__ == "__main__":
    main()
