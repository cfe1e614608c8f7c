#!/usr/bin/env python3
"""Statistics, the flat JSON, goals met and missed, and that one failed section does not take the others along. TAP."""
import contextlib
import io
import json
import pathlib
import re
import sys
import tempfile
import types

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / 'system')]

import charts  # noqa: E402
import google_benchmark  # noqa: E402
import report  # noqa: E402
import run  # noqa: E402
from figures import Chart, Figure, Goal, Line, Section, Series, Table, percentile  # noqa: E402
from servers.tap import Tap, expect  # noqa: E402


def same(got, wanted):
    expect(got == wanted, f'{got!r} instead of {wanted!r}')


def raises(kind, body):
    try:
        body()
    except kind:
        return
    expect(False, f'no {kind.__name__}')


def a_run(*sections):
    return report.Run([report.Outcome(f'section{i}', section) for i, section in enumerate(sections)], {'processor': 'a | b'}, './tools/bench', False)


def value_is_the_median_and_spread_the_extremes():
    figure = Figure.of('x_us', [3, 100, 1, 2, 4], 'us')
    same((figure.value, figure.median_of, figure.spread), (3, 5, (1, 100)))
    same(Figure.of('x_us', [1, 2], 'us').value, 1.5)


def what_is_no_figure_is_refused():
    raises(ValueError, lambda: Figure.of('x', [], 'us'))
    raises(ValueError, lambda: Figure.of('x', [float('nan')], 'us'))
    raises(ValueError, lambda: Figure.of('x', [1, float('inf'), 1], 'us'))
    raises(ValueError, lambda: Figure.of('No name', [1], 'us'))
    raises(ValueError, Goal)
    raises(ValueError, lambda: Goal(at_most=1, at_least=1))


def percentiles_are_samples():
    samples = list(range(100, 0, -1))
    same([percentile(samples, p) for p in (0, 1, 50, 99, 100)], [1, 1, 50, 99, 100])
    same(percentile([7], 99), 7)
    same(percentile([1, 2, 3], 50), 2)


def goals_have_a_direction_and_include_their_bound():
    def verdict(value, goal):
        return Figure.of('x', [value], 'us', goal=goal).verdict
    same([verdict(v, Goal(at_most=20)) for v in (19.9, 20, 20.1)], ['met', 'met', 'missed'])
    same([verdict(v, Goal(at_least=2000)) for v in (1999, 2000, 2001)], ['missed', 'met', 'met'])
    same(verdict(1, None), '')


def a_line_goes_through_its_points():
    line = Line.through([(1, 12), (2, 22), (5, 52)])
    same([round(v, 9) for v in (line.offset, line.slope, line.residual)], [2, 10, 0])
    bent = Line.through([(0, 1), (1, 0), (2, 1)])
    same((round(bent.slope, 9), round(bent.at(7), 6)), (0, 0.666667))
    expect(abs(bent.residual - (2 / 9) ** 0.5) < 1e-9, f'residual {bent.residual}')


def flat_json_is_flat_and_whole():
    section = Section('One', figures=[Figure.of('b_us', [1, 2, 3], 'us', goal=Goal(at_most=1), text='t', missed='m'), Figure.of('a_per_s', [7], '1/s')])
    with tempfile.TemporaryDirectory() as place:
        out = pathlib.Path(place)
        report.write(a_run(section), out / 'out', out / 'deep/flat.json')
        flat = json.loads((out / 'deep/flat.json').read_text())
        same(flat, json.loads((out / 'out/figures.json').read_text()))
        whole = json.loads((out / 'out/run.json').read_text())
    same(flat, {'b_us': {'value': 2, 'unit': 'us', 'median_of': 3, 'spread': [1, 3]},
                'a_per_s': {'value': 7, 'unit': '1/s', 'median_of': 1, 'spread': [7, 7]}})
    same(whole['machine'], {'processor': 'a | b'})
    same(whole['sections'][0]['found']['figures'][0]['goal'], {'at_most': 1, 'at_least': None})


def markdown_says_met_and_missed():
    text = report.markdown(a_run(Section('One', text='Words.', figures=[
        Figure.of('slow_us', [30.04], 'us', goal=Goal(at_most=20), missed='All of it is sleep.'),
        Figure.of('fast_us', [1], 'us', goal=Goal(at_most=20), missed='Never shown.'),
        Figure.of('free_us', [12345], 'us')], tables=[Table('Rows', ['a', 'b'], [['x', 0.123456]])], notes=['The end.'],
        charts=[Chart('c', 'A chart', 'x', 'y', [])])))
    expect('1 of 2 met' in text, text)
    expect('| **30.0** us | 30.0 .. 30.0 | 1 | at most 20.0 | **missed** |' in text, text)
    expect('All of it is sleep.' in text and 'Never shown' not in text, text)
    for part in ('Words.', '| x | 0.123 |', 'The end.', '![A chart](charts/c.svg)', '**12,345** us', 'a \\| b'):
        expect(part in text, f'{part} is not in {text}')


def a_failed_section_loses_nobody_elses_figures():
    good, bad = types.ModuleType('section_good'), types.ModuleType('section_bad')
    good.measure = lambda site: Section('Good', figures=[Figure.of('x', [1], 'us')])
    bad.measure = lambda site: 1 / 0
    sys.modules.update({'section_good': good, 'section_bad': bad})
    site = run.Site(HERE, HERE, True, HERE)
    with contextlib.redirect_stderr(io.StringIO()):
        outcomes = [run.measure(name, site) for name in ('section_bad', 'section_good', 'section_missing')]
    whole = report.Run(outcomes, {}, '', False)
    same(list(whole.flat()), ['x'])
    problems = whole.problems(['x', 'y'])
    same(len(problems), 3)
    for problem, part in zip(problems, ('section_bad failed: ZeroDivisionError', 'section_missing failed: ModuleNotFoundError', 'no section measured y')):
        expect(part in problem, problem)
    text = report.markdown(whole)
    expect('**This section failed**: ZeroDivisionError' in text and '## Good' in text, text)


def a_name_stands_for_one_figure():
    twice = Section('', figures=[Figure.of('x', [1], 'us')])
    same(a_run(twice, twice).problems([]), ['two figures are called x'])
    same(a_run(twice).problems(['x']), [])


def google_benchmarks_are_read_by_repetition():
    def line(name, cpu, kind='iteration', **more):
        return {'name': name, 'run_name': name, 'run_type': kind, 'cpu_time': cpu, 'real_time': 9, 'iterations': 1, 'time_unit': 'us', **more}
    found = google_benchmark.read({'benchmarks': [line('a/1', 2, us=5.0), line('a/1', 3, us=6.0), line('a/1', 2.5, 'aggregate'), line('b', 1)]})
    same(found['a/1'].cpu_ns, [2000, 3000])
    same(found['a/1'].counters, {'us': [5.0, 6.0]})
    same(found['b'].counters, {})
    raises(RuntimeError, lambda: google_benchmark.read({'benchmarks': [line('a', 1, error_occurred=True, error_message='refused')]}))
    raises(RuntimeError, lambda: google_benchmark.read({'benchmarks': []}))


def charts_cannot_be_broken_by_titles():
    text = charts.script(Chart('n', "it's `x`", 'x', 'y', [Series("q'q", [('a "b"', 1), ('c', 2)])], kind='bars', log='y'), pathlib.Path('/tmp/n.svg'))
    for part in ("'it''s `x`'", "'q''q'", '"a b" 1', 'set logscale y', 'histogram'):
        expect(part in text, f'{part} is not in {text}')
    expect('yrange' not in text, 'a logarithmic axis cannot begin at zero')


def sections_are_chosen_in_the_order_of_the_report():
    last, first = run.SECTIONS[-1], run.SECTIONS[0]
    same(run.chosen(f'{last},{first}'), [first, last])
    same(run.chosen(None), run.SECTIONS)
    raises(SystemExit, lambda: run.chosen('nonsense'))


def every_module_that_measures_is_a_section_and_documented():
    modules = {path.stem for path in HERE.glob('*.py') if re.search(r'^def measure\(site\)', path.read_text(), re.M)}
    expect(modules <= set(run.SECTIONS), f'{modules - set(run.SECTIONS)} are not in SECTIONS')
    readme = (HERE / 'README.md').read_text()
    for name in run.SECTIONS:
        expect(f'| {name} |' in readme, f'{name} is not in README.md')


tap = Tap()
for test in (value_is_the_median_and_spread_the_extremes, what_is_no_figure_is_refused, percentiles_are_samples,
             goals_have_a_direction_and_include_their_bound, a_line_goes_through_its_points, flat_json_is_flat_and_whole,
             markdown_says_met_and_missed, a_failed_section_loses_nobody_elses_figures, a_name_stands_for_one_figure,
             google_benchmarks_are_read_by_repetition, charts_cannot_be_broken_by_titles,
             sections_are_chosen_in_the_order_of_the_report, every_module_that_measures_is_a_section_and_documented):
    tap.run(test.__name__.replace('_', ' '), test)
sys.exit(tap.end())
