"""A program on a terminal of its own, as a person has it before them."""

import fcntl
import os
import pty
import select
import struct
import termios
import time

from harness import BIN
from wire import DEADLINE


class Terminal:
    def __init__(self, words, cwd, env, size=(24, 80), program=BIN / "sluice"):
        """words: after `sluice`, or another program. size: rows and columns."""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(cwd)
            os.execve(program, [os.path.basename(program), *(str(word) for word in words)], {**env, "TERM": "xterm"})
        self.resize(*size)
        self.output, self.code = "", None

    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def until(self, text):
        """Reads until the text has come; what came."""
        end = time.monotonic() + DEADLINE
        while text not in self.output:
            assert time.monotonic() < end, self.output
            assert self.read(), f"ended without {text!r}: {self.output}"
        return self.output

    def read(self):
        select.select([self.fd], [], [], 5)
        try:
            piece = os.read(self.fd, 65536)
        except OSError:
            return False
        self.output += piece.decode(errors="replace")
        return bool(piece)

    def type(self, text):
        rest = text.encode()
        while rest:
            rest = rest[os.write(self.fd, rest):]

    def ask(self, command, answer):
        """Types a command whose own text does not hold the answer, and waits for that."""
        assert answer not in command
        self.output = ""
        self.type(command + "\r")
        return self.until(answer)

    def end(self):
        while self.read():
            pass
        self.code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self.fd)
        return self.output
