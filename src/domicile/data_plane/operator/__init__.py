"""The region's operator listener: health, metrics and blocks of this region, with an operator key that the region keeps."""
