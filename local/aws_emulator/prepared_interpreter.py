"""An interpreter that has imported AWS's SDK, and starts each process of a function as a copy of itself.

Lambda's runtime has the SDK; here, its import takes half of the processor time of a function's start. Runs on the
interpreter of the functions, with their layers' folders as arguments. Standard input is a socket: each request is a
JSON object {"script", "directory", "environment"} with the three standard streams of the new process; its answer has a
pidfd of that process.
"""

import gc
import json
import os
import runpy
import socket
import sys
import time

LONGEST_REQUEST = 1 << 20


def main() -> None:
    # A function must find what it finds in an interpreter of its own: no module of the emulator.
    own = sys.path[1:]
    prepare(sys.argv[1:], own)
    with socket.socket(fileno=os.dup(0)) as requests:
        script = serve(requests)
    if script:
        sys.path[:] = [os.path.dirname(script), *own]  # noqa: PTH120 - the functions need not import pathlib
        sys.argv[:] = [script]
        runpy.run_path(script, run_name="__main__")


def prepare(layers: list[str], own: list[str]) -> None:
    """Imports the SDK with the packages that a layer has of its own, such as urllib3."""
    # In the order of ministack's worker: each layer before the one before it.
    sys.path[:] = [folder for layer in reversed(layers) for folder in (layer, os.path.join(layer, "python"))] + own  # noqa: PTH118
    try:
        import boto3
    except ImportError:  # functions need none
        return
    # Imports what the first client needs.
    boto3.Session("key", "secret", region_name="us-east-1").client("sts")
    # Else each copy would write to the pages of all these objects.
    gc.collect()
    gc.freeze()


def serve(requests: socket.socket) -> str:
    """Returns the script to run in each copy, and an empty string in the original, when the emulator has ended."""
    while True:
        text, streams, _, _ = socket.recv_fds(requests, LONGEST_REQUEST, 3)
        if not text:
            return ""
        process = os.fork()
        if process == 0:
            return become(json.loads(text), streams)
        ended = os.pidfd_open(process)
        socket.send_fds(requests, [b"started"], [ended])
        for descriptor in (*streams, ended):
            os.close(descriptor)
        collect()


def become(request: dict[str, object], streams: list[int]) -> str:
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(str(request["directory"]))
    os.environ.clear()
    os.environ.update(request["environment"])  # type: ignore[call-overload]  # of strings
    time.tzset()
    return str(request["script"])


def collect() -> None:
    """Removes the copies that have ended from the system's list of processes."""
    try:
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass
    except ChildProcessError:
        pass


if __name__ == "__main__":
    main()
