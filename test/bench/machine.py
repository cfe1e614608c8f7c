"""What a figure is worth depends on where it was measured: processor, kernel, compiler, libraries, sources."""
import json
import os
import pathlib
import platform
import re
import subprocess


def _output(*command, **more):
    """A command's first line, or nothing if it cannot be run."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False, **more)
    except OSError:
        return ''
    return (done.stdout + done.stderr).strip().split('\n')[0] if done.returncode == 0 else ''


def _processor():
    text = pathlib.Path('/proc/cpuinfo').read_text()
    name = re.search(r'model name\s*: (.*)', text)
    flags = set((re.search(r'flags\s*: (.*)', text) or ['', ''])[1].split())
    relevant = [flag for flag in ('aes', 'pclmulqdq', 'avx2', 'vaes', 'vpclmulqdq', 'avx512f', 'avx512ifma', 'bmi2', 'adx') if flag in flags]
    return (name[1] if name else platform.machine()), relevant


def _build_options(build):
    """buildtype and compiler as meson has them."""
    path = pathlib.Path(build) / 'meson-info'
    options = {o['name']: o['value'] for o in json.loads((path / 'intro-buildoptions.json').read_text())}
    compiler = json.loads((path / 'intro-compilers.json').read_text())['host']['cpp'] if (path / 'intro-compilers.json').exists() else {}
    return options, compiler


def describe(source, build):
    """Name -> text, in the order in which the report has it. To be called before anything is measured."""
    model, flags = _processor()
    memory = int(re.search(r'MemTotal:\s*(\d+)', pathlib.Path('/proc/meminfo').read_text())[1])
    options, compiler = _build_options(build)
    commit = _output('git', '-C', str(source), 'describe', '--always', '--dirty', '--abbrev=12')
    return {key: value for key, value in {
        'processor': model,
        'of its instructions': ' '.join(flags),
        'processors': str(len(os.sched_getaffinity(0))),
        'memory': f'{memory / 2**20:.0f} GiB',
        'load before': f'{os.getloadavg()[0]:.1f}',
        'kernel': f'{platform.system()} {platform.release()}',
        'compiler': compiler.get('full_version') or _output('c++', '--version'),
        'build': f"buildtype {options['buildtype']}, optimization {options['optimization']}, b_ndebug {options['b_ndebug']}",
        'OpenSSL': _output('openssl', 'version'),
        'Boost (Asio)': _output('dpkg-query', '-W', '-f=${Version}', 'libboost1.81-dev'),
        'Google Benchmark': _output('dpkg-query', '-W', '-f=${Version}', 'libbenchmark-dev'),
        'nginx': _output('nginx', '-v') or _output('/usr/sbin/nginx', '-v'),
        'HAProxy': _output('haproxy', '-v') or _output('/usr/sbin/haproxy', '-v'),
        'sources': commit,
    }.items() if value}
