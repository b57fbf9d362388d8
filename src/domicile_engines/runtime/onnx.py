"""The onnxruntime settings of all models."""

import onnxruntime


def session_options(threads: int) -> onnxruntime.SessionOptions:
    """Options for a shared machine: `threads` CPU threads that do not spin, and no memory kept between requests."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Spinning threads would take CPU time from the other models of this process.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # The arena grows to the longest input so far and never shrinks.
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 4
    return options
