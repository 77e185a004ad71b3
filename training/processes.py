"""The stages as processes of their own, and how a signal from outside reaches them."""

import signal
import subprocess
import sys
import time
from pathlib import Path

from training.files import STOP_FILE_NAME

REPOSITORY = Path(__file__).parent.parent
POLL_SECONDS = 0.2


class StageFailed(Exception):
    pass


class Stop:
    """SIGTERM, by which Batch, ECS and Spot announce the end of this container, and Ctrl-C."""

    def __init__(self):
        self.asked, self.folder = False, None
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.ask())

    def ask(self):
        self.asked = True
        if self.folder is not None:
            (self.folder / STOP_FILE_NAME).touch()

    def watch(self, folder: Path):
        """From now on trainings in this folder hear of it: they save, and end after their step."""
        self.folder = folder
        if self.asked:
            self.ask()


def module(name, *arguments):
    return [sys.executable, "-m", name, *map(str, arguments)]


def run_stage(commands, stop: Stop, *, saves=False, tick=lambda: None, tick_seconds=15.0, environments=None):
    """Runs all commands at the same time until they have ended, with a tick now and then.

    saves: they end by themselves after a stop, with what they did saved; others are ended, and what they wrote whole
    counts. Raises StageFailed when one fails.
    """
    environments = environments or [None] * len(commands)
    # A session of their own: Ctrl-C is for this process to hand on.
    running = [
        subprocess.Popen(command, cwd=REPOSITORY, env=environment, start_new_session=True)
        for command, environment in zip(commands, environments)
    ]
    ticked = time.monotonic()
    try:
        while any(process.poll() is None for process in running):
            if any(process.poll() for process in running) or (stop.asked and not saves):
                break
            time.sleep(POLL_SECONDS)
            if time.monotonic() - ticked >= tick_seconds:
                tick()
                ticked = time.monotonic()
    finally:
        for process in running:
            process.terminate()
        codes = [process.wait() for process in running]
    if any(codes) and (saves or not stop.asked):
        raise StageFailed(f"{' '.join(commands[0][1:4])} must end with 0, got {', '.join(map(str, codes))}.")
