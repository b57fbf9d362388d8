"""Image generation: `POST /v1/images/generations`."""
