#!/usr/bin/env python3
"""tools/bench itself, with two quick sections. TAP.

usage: smoke_test.py --source DIR --build DIR"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'system'))
from servers.tap import Tap, expect  # noqa: E402


def bench(args, *more):
    return subprocess.run([args.source / 'tools/bench', '--build', args.build, *more], capture_output=True, text=True, check=False)


def measures_what_it_is_asked_for(args, place):
    done = bench(args, '--quick', '--only', 'presign_in_process,partial', '--out', place / 'out', '--json', place / 'flat.json')
    expect(done.returncode == 0, done.stdout + done.stderr)
    flat = json.loads((place / 'flat.json').read_text())
    expect({'partial_p256_us', 'presign_in_process_p256_2of3_per_core_per_s'} <= flat.keys(), f'only {sorted(flat)}')
    for name, figure in flat.items():
        expect(figure.keys() == {'value', 'unit', 'median_of', 'spread'}, f'{name}: {figure}')
        least, greatest = figure['spread']
        expect(least <= figure['value'] <= greatest and figure['median_of'] > 1, f'{name}: {figure}')
    text = (place / 'out/report.md').read_text()
    expect('partial_p256_us' in text and '| processor |' in text, text)
    expect('<svg' in (place / 'out/charts/presign_batch.svg').read_text(), 'no chart')


def an_unknown_section_is_an_error(args, place):
    done = bench(args, '--only', 'nonsense', '--out', place)
    expect(done.returncode != 0 and 'no section nonsense' in done.stderr, done.stdout + done.stderr)


parser = argparse.ArgumentParser()
parser.add_argument('--source', type=pathlib.Path, required=True)
parser.add_argument('--build', type=pathlib.Path, required=True)
arguments = parser.parse_args()
tap = Tap()
with tempfile.TemporaryDirectory() as top:
    for test in (measures_what_it_is_asked_for, an_unknown_section_is_an_error):
        tap.run(test.__name__.replace('_', ' '), lambda test=test: test(arguments, pathlib.Path(top)))
sys.exit(tap.end())
