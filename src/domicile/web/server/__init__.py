"""The HTTP server of both planes: uvicorn with our limits, TLS, and judgement on the head of each request."""
