"""The region's HTTP: the URL map, who asks, and one file for each family of endpoints."""
