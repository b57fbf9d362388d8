"""Run a program, and all that it starts, under a filter that asks `recorder.Recorder` before certain system calls.

python -m tests.platform.recorded SOCKET PROGRAM ARGUMENTS...

Sends the filter's descriptor over the socket with this number, and becomes PROGRAM when a byte comes back.
"""

import os
import queue
import socket
import sys
import threading

from tests.platform.recorder import install_listener

if __name__ == "__main__":
    recorder = socket.socket(fileno=int(sys.argv[1]))
    made: queue.Queue[int] = queue.Queue()
    # A thread that is there before the filter is not under it. Under it, sending the descriptor would wait for its receiver.
    sending = threading.Thread(target=lambda: socket.send_fds(recorder, [b"1"], [made.get()]))
    sending.start()
    made.put(install_listener())
    sending.join()
    recorder.recv(1)
    recorder.close()
    os.execv(sys.argv[2], sys.argv[2:])
