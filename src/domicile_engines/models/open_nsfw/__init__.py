"""Yahoo's open_nsfw: how sexual an image is."""
