"""How onnxruntime is run here, whatever the model."""

import onnxruntime


def session_options(threads: int) -> onnxruntime.SessionOptions:
    """Options that leave a shared processor, and the memory between two requests, to others."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Threads that wait by spinning take the processor from the other models of this process.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Each input has its own length: memory kept for the longest so far would never come back.
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 4
    return options
