"""The vision model that an operator may configure. Domicile includes none."""
