"""One run as Markdown, as JSON and as charts."""
import json
import shutil
from dataclasses import asdict, dataclass

import charts
from figures import Section


@dataclass
class Outcome:
    """Of one section: what it found, or why it failed."""
    name: str
    section: Section | None
    failure: str = ''
    seconds: float = 0


@dataclass
class Run:
    outcomes: list[Outcome]
    machine: dict[str, str]
    command: str
    quick: bool

    def figures(self):
        return [figure for outcome in self.outcomes if outcome.section for figure in outcome.section.figures]

    def problems(self, required):
        """What makes this run incomplete: failed sections, names that are missing or that two sections use."""
        names = [figure.name for figure in self.figures()]
        return ([f'section {outcome.name} failed: {outcome.failure}' for outcome in self.outcomes if outcome.failure] +
                [f'no section measured {name}' for name in required if name not in names] +
                [f'two figures are called {name}' for name in sorted(set(names)) if names.count(name) > 1])

    def flat(self):
        """name -> {value, unit, median_of, spread}, and nothing else."""
        return {figure.name: {'value': figure.value, 'unit': figure.unit, 'median_of': figure.median_of, 'spread': list(figure.spread)}
                for figure in self.figures()}

    def whole(self):
        """Everything, for whoever wants to draw or compare something else."""
        return {'command': self.command, 'quick': self.quick, 'machine': self.machine,
                'sections': [{'name': outcome.name, 'failure': outcome.failure, 'seconds': round(outcome.seconds, 1),
                              'found': asdict(outcome.section) if outcome.section else None} for outcome in self.outcomes]}


def number(value):
    """Four digits where that is more than a whole number has, thousands apart; text as a cell of a table can hold it."""
    if isinstance(value, str):
        return value.replace('|', '\\|')
    if value != 0 and abs(value) < 100:
        return f'{value:.3g}' if abs(value) < 10 else f'{value:.1f}'
    return f'{value:,.0f}'


def table(columns, rows):
    return '\n'.join(['| ' + ' | '.join(columns) + ' |', '|' + '---|' * len(columns)] +
                     ['| ' + ' | '.join(number(cell) for cell in row) + ' |' for row in rows]) + '\n'


def goal_text(goal):
    if goal is None:
        return ''
    return f'at most {number(goal.at_most)}' if goal.at_most is not None else f'at least {number(goal.at_least)}'


def figure_rows(figures):
    for f in figures:
        yield [f'`{f.name}`', f.text, f'**{number(f.value)}** {f.unit}', f'{number(f.spread[0])} .. {number(f.spread[1])}',
               str(f.median_of), goal_text(f.goal), f'**{f.verdict}**' if f.verdict == 'missed' else f.verdict]


FIGURE_COLUMNS = ['name', 'what', 'median', 'least .. greatest', 'of', 'goal', '']


def section_text(outcome):
    """A section's chapter."""
    if outcome.section is None:
        return f'## {outcome.name}\n\n**This section failed**: {outcome.failure}\n'
    section = outcome.section
    parts = [f'## {section.title}\n']
    if section.text:
        parts.append(section.text.strip() + '\n')
    if section.figures:
        parts.append(table(FIGURE_COLUMNS, figure_rows(section.figures)))
    parts += [f'Missed: `{f.name}`. {f.missed.strip()}\n' for f in section.figures if f.verdict == 'missed' and f.missed]
    for each in section.tables:
        parts.append(f'{each.title}:\n\n' + table(each.columns, each.rows))
    parts += [f'![{chart.title}](charts/{chart.name}.svg)\n' for chart in section.charts]
    parts += [note.strip() + '\n' for note in section.notes]
    return '\n'.join(parts)


def markdown(run):
    goals = [figure for figure in run.figures() if figure.goal]
    missed = [figure for figure in goals if figure.verdict == 'missed']
    parts = ['# Benchmarks\n',
             f'Written by `{run.command}`' + (', a quick run: fewer and shorter repetitions' if run.quick else '') +
             '. Nothing here is edited by hand. A value is the median of so many repetitions ("of"); beside it stand the least and '
             'the greatest of them.\n',
             table(['machine', ''], run.machine.items())]
    if goals:
        parts += [f'## Goals\n\n{len(goals) - len(missed)} of {len(goals)} met.\n', table(FIGURE_COLUMNS, figure_rows(goals))]
    return '\n'.join(parts + [section_text(outcome) for outcome in run.outcomes])


def write(run, out, flat_copy=None, results=None):
    """Into `out`: report.md, figures.json (flat), run.json, charts/. `flat_copy`: a file that gets the flat one, too.
    `results`: a directory that gets RESULTS.md and charts/, in place of those that are there."""
    out.mkdir(parents=True, exist_ok=True)
    flat = json.dumps(run.flat(), indent=2) + '\n'
    (out / 'figures.json').write_text(flat)
    (out / 'run.json').write_text(json.dumps(run.whole(), indent=2) + '\n')
    (out / 'report.md').write_text(markdown(run))
    shutil.rmtree(out / 'charts', ignore_errors=True)
    for outcome in run.outcomes:
        for chart in outcome.section.charts if outcome.section else []:
            charts.draw(chart, out / 'charts')
    if flat_copy:
        flat_copy.parent.mkdir(parents=True, exist_ok=True)
        flat_copy.write_text(flat)
    if results:
        (results / 'RESULTS.md').write_text(markdown(run))
        shutil.rmtree(results / 'charts', ignore_errors=True)
        if (out / 'charts').exists():
            shutil.copytree(out / 'charts', results / 'charts')
