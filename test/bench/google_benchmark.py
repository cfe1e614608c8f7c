"""Runs a Google Benchmark program of this directory."""
import json
import subprocess
from dataclasses import dataclass, field


@dataclass
class Measured:
    """One benchmark: per repetition its CPU time in ns an iteration, and its counters."""
    cpu_ns: list[float] = field(default_factory=list)
    counters: dict[str, list[float]] = field(default_factory=dict)


NANOSECONDS = {'ns': 1, 'us': 1e3, 'ms': 1e6, 's': 1e9}
KNOWN = {'name', 'family_index', 'per_family_instance_index', 'run_name', 'run_type', 'repetitions', 'repetition_index',
         'threads', 'iterations', 'real_time', 'cpu_time', 'time_unit', 'error_occurred', 'error_message', 'label'}


def run(site, program, pattern, seconds=0.1, repetitions=None):
    """Benchmarks of bench_PROGRAM whose name matches `pattern`: name -> Measured. Each repetition lasts at least
    `seconds`; repetitions of different benchmarks are interleaved."""
    repetitions = repetitions or site.repetitions
    site.say(f'bench_{program} {pattern}')
    done = subprocess.run([site.build / 'test/bench' / f'bench_{program}', '--benchmark_format=json', f'--benchmark_filter={pattern}',
                           f'--benchmark_min_time={seconds:g}', f'--benchmark_repetitions={repetitions}',
                           '--benchmark_enable_random_interleaving=true'], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f'bench_{program}: status {done.returncode}: {done.stderr.strip()}')
    return read(json.loads(done.stdout))


def read(output):
    """From what a program printed as JSON."""
    found = {}
    for line in output['benchmarks']:
        if line['run_type'] != 'iteration':
            continue
        if line.get('error_occurred'):
            raise RuntimeError(f"{line['run_name']}: {line.get('error_message', '')}")
        measured = found.setdefault(line['run_name'], Measured())
        measured.cpu_ns.append(line['cpu_time'] * NANOSECONDS[line['time_unit']])
        for name in line.keys() - KNOWN:
            measured.counters.setdefault(name, []).append(line[name])
    if not found:
        raise RuntimeError('no benchmark of that name')
    return found
