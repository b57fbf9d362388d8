"""The region's HTTP: the URL map, authentication, and one file for each family of endpoints."""
