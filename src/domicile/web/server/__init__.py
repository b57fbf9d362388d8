"""The HTTP server of both planes: uvicorn with limits, TLS, and a check of each request's head before its body is read."""
