"""A vision model that the operator brings: none comes with Domicile."""
