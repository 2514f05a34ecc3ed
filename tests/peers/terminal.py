"""Runs a program in a terminal, and prints what the terminal shows of it.

    terminal.py COLUMNS [PROMPT ANSWER]... -- PROGRAM ARGUMENT...

Each answer is typed once its prompt is shown; `^C` is the key that interrupts. The last line tells the exit code, and whether
the terminal echoes what is typed afterwards.
"""

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

columns, *rest = sys.argv[1:]
split = rest.index("--")
answers, command = list(zip(rest[:split:2], rest[1:split:2])), rest[split + 1 :]

terminal, end = pty.openpty()
fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, int(columns), 0, 0))
child = os.fork()
if child == 0:
    os.close(terminal)
    os.login_tty(end)
    os.execvp(command[0], command)
# The end stays open, so that its settings can be read once the program has gone.
shown = b""
os.set_blocking(terminal, False)
status = None
deadline = time.monotonic() + 120
while status is None:
    if time.monotonic() > deadline:
        os.kill(child, signal.SIGKILL)
    done, code = os.waitpid(child, os.WNOHANG)
    status = os.waitstatus_to_exitcode(code) if done else None
    try:
        while piece := os.read(terminal, 65536):
            shown += piece
    except BlockingIOError:
        pass
    if answers and answers[0][0].encode() in shown:
        _, answer = answers.pop(0)
        os.write(terminal, b"\x03" if answer == "^C" else answer.encode() + b"\n")
    select.select([terminal], [], [], 0.05)
echoes = bool(termios.tcgetattr(end)[3] & termios.ECHO)
sys.stdout.write(shown.decode().replace("\r\n", "\n"))
print(f"exit {status}, echo {'on' if echoes else 'off'}")
