#!/usr/bin/env python3
"""Runs the sections of the bench one after the other and writes what they found. tools/bench calls this.

A section is a module in this directory that has
    TARGETS          what ninja has to build for it, a list (names of targets; may be empty)
    measure(site)    does the work and returns a figures.Section; `site` is a Site, below
and whose name stands in SECTIONS. It raises if it cannot measure: the section is then reported as failed, with the
exception's text, the others go on, and the status is 1 at the end. Rules for all:
  - What is compared runs interleaved: A B A B ..., one sample of each a repetition.
  - site.repetitions samples a figure, fewer or shorter ones where site.quick. Never one sample alone.
  - Processes that it starts are gone when it returns or raises. Files go below site.scratch(NAME).
  - site.say(text) as work goes on: a line is expected at least every half minute.
  - Names of figures are unique over all sections. Those of REQUIRED have to come from some section.
  - test/system is on the path: `from servers.cluster import Cluster`. `import google_benchmark` runs a program of
    meson.build here.
"""
import argparse
import importlib
import pathlib
import shutil
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / 'system')]

import machine  # noqa: E402
import report  # noqa: E402

# In the order of the report.
SECTIONS = ['refill_cost', 'presign_in_process', 'scaling', 'online', 'partial', 'servers_cpu', 'under_refill', 'slow_links',
            'startup', 'ceremonies', 'arithmetic']

REQUIRED = ['presign_p256_2of3_per_core_per_s', 'presign_p256_3of5_per_core_per_s', 'presign_p256_2of3_bytes_per_party',
            'partial_p256_us', 'sign_call_p50_us', 'sign_call_p99_us', 'floor_p50_us', 'floor_p99_us', 'nginx_cpu_us_local',
            'nginx_cpu_us_quorate', 'haproxy_async_gain', 'keygen_p256_2of3_ms_per_party', 'pair_setup_ms_per_party', 'cold_start_ms']


@dataclass
class Site:
    source: pathlib.Path  # the root of the sources
    build: pathlib.Path   # where TARGETS have been built
    quick: bool
    top: pathlib.Path     # a directory that is removed at the end

    @property
    def repetitions(self):
        return 3 if self.quick else 7

    def scratch(self, name):
        """A directory for one section, made if need be."""
        path = self.top / name
        path.mkdir(exist_ok=True)
        return path

    def say(self, text):
        print(f'   {text}', file=sys.stderr, flush=True)


def chosen(only):
    """The names to run, in the order of SECTIONS."""
    wanted = only.split(',') if only else SECTIONS
    for name in wanted:
        if name not in SECTIONS:
            sys.exit(f"bench: no section {name}; there are: {' '.join(SECTIONS)}")
    return [name for name in SECTIONS if name in wanted]


def targets(names):
    found = []
    for name in names:
        try:
            found += getattr(importlib.import_module(name), 'TARGETS')
        except ImportError:
            pass  # said when the section is run
    return sorted(set(found))


def measure(name, site):
    """The section's outcome; failures are kept, not raised."""
    begun = time.monotonic()
    print(f'== {name}', file=sys.stderr, flush=True)
    try:
        outcome = report.Outcome(name, importlib.import_module(name).measure(site))
    except KeyboardInterrupt:
        raise
    except Exception as problem:  # whatever it is, the other sections' figures are not to be lost
        traceback.print_exc()
        outcome = report.Outcome(name, None, f'{type(problem).__name__}: {problem}')
    outcome.seconds = time.monotonic() - begun
    site.say(f"{'failed' if outcome.failure else 'done'} after {outcome.seconds:.0f} s")
    return outcome


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--source', type=pathlib.Path, default=HERE.parent.parent)
    parser.add_argument('--build', type=pathlib.Path, required=True)
    parser.add_argument('--out', type=pathlib.Path, help='where report.md, figures.json, run.json and charts/ go')
    parser.add_argument('--json', type=pathlib.Path, help='another copy of the flat figures.json')
    parser.add_argument('--results', type=pathlib.Path, help='a directory that gets RESULTS.md and charts/ of this run')
    parser.add_argument('--only', help='sections, separated by commas')
    parser.add_argument('--quick', action='store_true')
    parser.add_argument('--command', default='tools/bench', help='what the report says it was made with')
    parser.add_argument('--targets', action='store_true', help='print what has to be built, and stop')
    args = parser.parse_args()
    names = chosen(args.only)
    if args.targets:
        print('\n'.join(targets(names)))
        return 0
    if args.out is None:
        parser.error('--out is missing')
    where = machine.describe(args.source, args.build)
    top = pathlib.Path(tempfile.mkdtemp(prefix='quorate-bench.'))
    top.chmod(0o755)
    try:
        site = Site(args.source.resolve(), args.build.resolve(), args.quick, top)
        outcomes = [measure(name, site) for name in names]
    finally:
        shutil.rmtree(top, ignore_errors=True)
    run = report.Run(outcomes, where, args.command, args.quick)
    problems = run.problems(REQUIRED if not args.only else [])
    report.write(run, args.out, args.json, args.results)
    for line in problems:
        print(f'bench: {line}', file=sys.stderr)
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
