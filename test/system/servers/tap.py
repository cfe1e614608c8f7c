"""Results as the Test Anything Protocol, and the few checks that every test here is made of."""
import sys
import time
import traceback


class Failure(Exception):
    """What a check found instead of what it expected; the text is for whoever reads the log."""


class Unavailable(Exception):
    """A program that this machine cannot have, and why. Reported in the row, never left out."""


def expect(condition, otherwise):
    if not condition:
        raise Failure(otherwise)


def eventually(condition, what, seconds=10.0, step=0.05):
    """Waits until condition() is true and returns its value."""
    until = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        expect(time.monotonic() < until, f'{what}: not within {seconds:g} s')
        time.sleep(step)


class Tap:
    def __init__(self):
        self.count = self.failures = 0
        self.begun = time.monotonic()

    def _line(self, good, name, notes=''):
        self.count += 1
        self.failures += not good
        print(f"{'' if good else 'not '}ok {self.count} - {name}")
        for line in notes.splitlines()[-30:]:
            print('#', line)
        sys.stdout.flush()
        return good

    def run(self, name, body):
        """One test: it fails by raising. Notes that it returns are printed."""
        try:
            notes = body()
        except Failure as failure:
            return self._line(False, name, str(failure))
        except Unavailable as reason:
            return self._line(True, f'{name} # SKIP not available: {reason}')
        except Exception:  # a mistake in the test itself is a failed test, not the end of all others
            return self._line(False, name, traceback.format_exc())
        return self._line(True, name, notes or '')

    def fail(self, name, notes):
        return self._line(False, name, notes)

    def end(self):
        print(f'1..{self.count}')
        print(f'# {self.count - self.failures} of {self.count} passed in {time.monotonic() - self.begun:.0f} s')
        return 1 if self.failures else 0
