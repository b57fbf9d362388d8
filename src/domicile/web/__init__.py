"""HTTP for both planes: the server with its limits, the outermost application, request bodies, errors, metrics and logs."""
