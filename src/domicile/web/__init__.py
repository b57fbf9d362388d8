"""What both planes need of HTTP: the server with its limits, the outermost application, strict JSON, paging."""
