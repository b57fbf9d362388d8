"""llama.cpp's own HTTP server on a loopback port: what `llama-server` is, out of a wheel.

python -m tests.platform.llama_server --port PORT --key KEY
"""

import argparse
import threading

import xllamacpp

from domicile_engines.models.smollm2.weights import model_file


def serve(port: int, key: str) -> None:
    """Until it is killed."""
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(model_file())
    parameters.model_alias = {"smollm2"}
    parameters.n_ctx = 2048
    parameters.n_parallel = 2
    parameters.n_gpu_layers = 0
    parameters.cpuparams.n_threads = 1
    parameters.cache_ram_mib = 0
    parameters.warmup = False
    parameters.ui = False
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = port
    parameters.api_keys = [key]
    server = xllamacpp.Server(parameters)
    threading.Event().wait()
    del server


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--key", required=True)
    chosen = parser.parse_args()
    serve(chosen.port, chosen.key)
