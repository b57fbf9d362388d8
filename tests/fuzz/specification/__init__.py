"""The part of the official specification that is served, and what cuts it out."""
