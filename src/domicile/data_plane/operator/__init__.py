"""The region's operator listener: what its operator sees and does in the region alone, with a key that is kept there."""
