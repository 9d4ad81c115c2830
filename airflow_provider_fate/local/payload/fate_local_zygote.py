"""A process that has imported everything, and forks itself for each worker that FATE-Flow starts.

Started by the supervisor, next to the server, with the server's environment; talks to ``fate_local_launch.py``. It runs
no FATE code itself: it imports, then waits, single-threaded, so that a fork is as good as a fresh interpreter. A worker
whose environment would have changed what was imported (other thread counts, other search paths) is declined and starts
the ordinary way.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib.util
import marshal
import os
import runpy
import selectors
import signal
import socket
import sys
import threading
import time
from typing import NoReturn, Tuple  # noqa: UP035 - Python 3.9

import fate_local_launch as launch  # type: ignore[import-not-found]

#: Read by libraries while they are imported: a worker that has others needs a Python of its own.
SENSITIVE = (
    "OMP_", "MKL_", "OPENBLAS_", "BLIS_", "NUMEXPR_", "KMP_", "GOMP_", "LD_", "PYTHON", "TORCH_", "PYTORCH_", "HF_",
    "TRANSFORMERS_", "TOKENIZERS_", "CUDA_", "FATE_ENABLE_", "LC_", "LANG", "FATE_LOCAL_", "FATE_PROJECT_BASE",
)  # fmt: skip

#: What workers import and what takes them long. Third-party packages and FATE's core only: FATE's algorithms are
#: imported by the component that needs them, as ever, so that no component sees side effects of another's import.
FLOW_MODULES = (
    "click", "yaml", "ruamel.yaml", "requests", "fate_flow.components.components", "fate_flow.hub.flow_hub",
    "fate_flow.hub.components_wraps.fate", "fate_flow.engine.storage", "fate_flow.manager.outputs.data",
    "fate_flow.manager.worker.fate_executor", "ofx.api.client", "multiprocessing.pool", "concurrent.futures.process",
)  # fmt: skip
FATE_MODULES = (
    "fate_utils", "numpy", "pandas", "torch", "torch.nn", "torch.optim", "torch.utils.data", "lmdb", "cloudpickle",
    "sklearn.metrics", "sklearn.model_selection", "sklearn.preprocessing", "transformers", "transformers.trainer",
    "transformers.trainer_utils", "accelerate", "rich.logging", "opentelemetry.sdk.trace",
    "fate.arch", "fate.arch.computing.backends.standalone", "fate.arch.dataframe", "fate.arch.federation",
    "fate.components.core",
)  # fmt: skip
#: The same for FATE-LLM, where it is installed.
LLM_MODULES = (
    "datasets", "peft", "sentencepiece", "transformers.data.data_collator", "transformers.models.auto",
    "transformers.models.auto.modeling_auto", "transformers.trainer_seq2seq",
)  # fmt: skip
PR_SET_PDEATHSIG = 1

#: What a fork has to become: its command line and its environment.
Request = Tuple["list[str]", "dict[bytes, bytes]"]  # noqa: UP006 - Python 3.9


class Worker:
    """A fork that runs, and the connection to the process that stands for it."""

    def __init__(self, connection: socket.socket, pid: int) -> None:
        self.connection: socket.socket | None = connection
        self.pid = pid


class Zygote:
    """Accepts launchers, forks, and reports how the forks ended."""

    def __init__(self, path: str) -> None:
        self.environ = dict(os.environb)  # before any import adds to it
        self.selector = selectors.DefaultSelector()
        self.workers: dict[int, Worker] = {}
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(path)
        # From here on launchers queue up: waiting for the imports is shorter than doing them again.
        self.listener.listen(64)

    def preload(self) -> None:
        """Import what the installation has of the list; what is missing (no torch) is left out."""
        begun = time.monotonic()
        llm = LLM_MODULES if importlib.util.find_spec("fate_llm") else ()
        for name in FLOW_MODULES + FATE_MODULES + llm:
            try:
                importlib.import_module(name)
            except Exception as error:  # a worker that needs it will say so in its own log
                print(f"not preloaded: {name} ({type(error).__name__}: {error})", flush=True)
        threads = len(os.listdir("/proc/self/task"))
        if threads != 1:
            # Forking one of several threads leaves locks behind that nobody will ever open.
            raise SystemExit(f"not used: the imports have started {threads - 1} threads")
        launch.remember_frozen_runpy()
        gc.collect()
        gc.freeze()  # shared pages stay shared: the collector will not touch what is there now
        print(f"ready after {time.monotonic() - begun:.1f} s, {len(sys.modules)} modules", flush=True)

    def serve(self) -> Request:
        """Serve for ever; returns only in a fork, with what it has to become."""
        reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.selector.register(reader, selectors.EVENT_READ)
        self.fds = (reader, writer)
        while True:
            for key, _ in self.selector.select():
                if key.fileobj is self.listener:
                    request = self.accept()
                    if request is not None:
                        return request
                elif key.fileobj == reader:
                    os.read(reader, 4096)
                    self.reap()
                else:
                    self.hear(key.data)

    def accept(self) -> Request | None:
        """Take one launcher; returns its request in the fork, None in the zygote."""
        connection, _ = self.listener.accept()
        try:
            connection.settimeout(10.0)
            connection.sendall(bytes([launch.PROTOCOL]))
            head, streams = receive_streams(connection)
            command, environ, cwd, umask = marshal.loads(  # noqa: S302 - from a process of the same user: the socket lies in a folder of mode 0700
                receive(connection, int.from_bytes(head, "big"))
            )
        except (OSError, EOFError, ValueError, TypeError):
            connection.close()  # the launcher gave up, or died
            return None
        if len(streams) != 3 or not self.suits(command, environ):
            self.answer(connection, b"N")
            for fd in streams:
                os.close(fd)
            connection.close()
            return None
        pid = os.fork()
        if pid == 0:
            self.detach(connection, streams)
            os.chdir(cwd)
            os.umask(umask)
            return command, environ
        for fd in streams:
            os.close(fd)
        worker = Worker(connection, pid)
        self.workers[pid] = worker
        connection.setblocking(True)
        self.selector.register(connection, selectors.EVENT_READ, worker)
        self.answer(connection, b"S" + pid.to_bytes(4, "big"))
        return None

    def suits(self, command: list[str], environ: dict[bytes, bytes]) -> bool:
        """Whether a fork would be the same as a fresh process with this command and environment."""
        if len(command) < 3 or os.path.dirname(command[1]) != launch.worker_folder():
            return False
        names = {n for n in list(environ) + list(self.environ) if os.fsdecode(n).startswith(SENSITIVE)}
        names.discard(b"PYTHONPATH")  # the launcher has seen that none of its folders exists
        return all(environ.get(n) == self.environ.get(n) for n in names)

    def hear(self, worker: Worker) -> None:
        """A signal for the worker, or the end of the process that stands for it, which is the worker's end too."""
        connection = worker.connection
        if connection is None:
            return  # it ended, and was told so, since this was found to be readable
        try:
            data = connection.recv(64)
        except OSError:
            data = b""
        try:
            for number in data:
                os.kill(worker.pid, number)
            if not data:
                self.selector.unregister(connection)
                connection.close()
                worker.connection = None
                os.kill(worker.pid, signal.SIGKILL)  # it may not have its process group yet
                os.killpg(worker.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def reap(self) -> None:
        """Tell the launchers of the workers that ended how they ended."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            worker = self.workers.pop(pid, None)
            if worker is None or worker.connection is None:
                continue
            code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
            self.selector.unregister(worker.connection)
            self.answer(worker.connection, code.to_bytes(4, "big", signed=True))
            worker.connection.close()
            worker.connection = None

    @staticmethod
    def answer(connection: socket.socket, data: bytes) -> None:
        """Say something to a launcher that may be gone."""
        with contextlib.suppress(OSError):
            connection.sendall(data)

    def detach(self, connection: socket.socket, streams: list[int]) -> None:
        """In the fork: let go of all that is the zygote's, and become a process of its own."""
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        os.setsid()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        connection.close()
        for worker in self.workers.values():
            if worker.connection is not None:
                worker.connection.close()
        self.selector.close()
        self.listener.close()
        for fd in self.fds:
            os.close(fd)
        for target, fd in enumerate(streams):
            os.dup2(fd, target)
        for fd in streams:
            os.close(fd)


def receive_streams(connection: socket.socket) -> tuple[bytes, list[int]]:
    """The length of the request, and the descriptors that come with it."""
    data, ancillary, _, _ = connection.recvmsg(8, socket.CMSG_SPACE(3 * 4))
    fds = []
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            whole = len(content) - len(content) % 4
            fds += [int.from_bytes(content[i : i + 4], sys.byteorder) for i in range(0, whole, 4)]
    if len(data) != 8:
        for fd in fds:
            os.close(fd)
        raise EOFError("the launcher closed the connection")
    return data, fds


def receive(connection: socket.socket, count: int) -> bytes:
    """Exactly so many bytes."""
    parts = []
    while count:
        part = connection.recv(min(count, 65536))
        if not part:
            raise EOFError("the launcher closed the connection")
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def become(command: list[str], environ: dict[bytes, bytes]) -> None:
    """In the fork: what a fresh interpreter would have done before running its script."""
    for name in set(os.environb) - set(environ):
        del os.environb[name]
    for name, value in environ.items():
        os.environb[name] = value
    sys.argv = command[1:]
    sys.orig_argv = list(command)
    sys.path[0] = os.path.dirname(command[1])
    if "numpy" in sys.modules:
        # Seeded from the operating system at its import: without this all forks would draw the same numbers.
        sys.modules["numpy"].random.seed()


def main() -> str:
    """Import, then serve; in a fork, run the worker's script as the main program."""
    zygote = Zygote(os.environ["FATE_LOCAL_INSTANCE"] + "/run/zygote.sock")
    zygote.preload()
    command, environ = zygote.serve()
    become(command, environ)
    return command[1]


def run(script: str) -> NoReturn:
    """In the fork: run the script as the main program, and end as the interpreter ends.

    All that can be noticed of the interpreter's end happens: threads are joined, exit functions run, garbage with
    finalizers is collected. Only the taking apart of some thousand imported modules is left out: it costs a second.
    """
    code = 0
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as end:
        if isinstance(end.code, int):
            code = end.code
        elif end.code is not None:
            print(end.code, file=sys.stderr)
            code = 1
    except KeyboardInterrupt:
        code = 130
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    gc.collect()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            code = code or 120
    os._exit(code & 0xFF)


if __name__ == "__main__":
    run(main())
