"""Chat about pictures, by a vision model that the operator brings: none comes with Domicile."""
