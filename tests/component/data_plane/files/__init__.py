"""Files and uploads of a region, over HTTP."""
