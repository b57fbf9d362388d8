"""Text to speech: `POST /v1/audio/speech`."""
