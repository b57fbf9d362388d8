"""Yahoo's open_nsfw: scores how sexual an image is."""
