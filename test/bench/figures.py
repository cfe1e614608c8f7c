"""What a section of the bench hands over: figures, tables, charts and the sentences beside them.

Every figure was measured several times ("repetitions"). Its value is the median of the repetitions, and its spread
the least and the greatest of them, for all figures alike. A percentile is taken within each repetition; value and
spread are then those of the repetitions' percentiles."""
import math
import re
import statistics
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Goal:
    """A figure is met while it is at most, or at least, this; the bound itself meets it."""
    at_most: float | None = None
    at_least: float | None = None

    def __post_init__(self):
        if (self.at_most is None) == (self.at_least is None):
            raise ValueError('a goal has one bound')

    def met(self, value):
        return value <= self.at_most if self.at_most is not None else value >= self.at_least


@dataclass(frozen=True)
class Figure:
    """`unit` is as the Markdown shows it: us, ms, s, 1/s, bytes, Mbit/s, ratio, ...
    `text`: what was measured, for somebody who sees nothing but this line.
    `missed`: where the time goes and what would be next (Markdown); shown only if the goal is missed."""
    name: str
    value: float
    unit: str
    median_of: int
    spread: tuple[float, float]
    goal: Goal | None = None
    text: str = ''
    missed: str = ''

    def __post_init__(self):
        if not re.fullmatch('[a-z][a-z0-9_]*', self.name):
            raise ValueError(f'not a name for a figure: {self.name!r}')
        if self.median_of < 1:
            raise ValueError(f'{self.name} was never measured')
        if not all(map(math.isfinite, (self.value, *self.spread))):
            raise ValueError(f'{self.name} is no number')

    @classmethod
    def of(cls, name, samples, unit, **more):
        """From one sample a repetition."""
        samples = [float(sample) for sample in samples]
        if not samples:
            raise ValueError(f'{name} was never measured')
        return cls(name, statistics.median(samples), unit, len(samples), (min(samples), max(samples)), **more)

    @property
    def verdict(self):
        """'met', 'missed', or nothing where there is no goal."""
        return '' if self.goal is None else 'met' if self.goal.met(self.value) else 'missed'


def percentile(samples, percent):
    """The smallest sample that at least `percent` of 100 samples do not exceed (nearest rank)."""
    ordered = sorted(samples)
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)]


@dataclass(frozen=True)
class Line:
    """A least-squares fit y = offset + slope x. `residual`: the root of the mean square of what it leaves, in units of y."""
    offset: float
    slope: float
    residual: float

    @classmethod
    def through(cls, points):
        xs, ys = zip(*points)
        slope, offset = statistics.linear_regression(xs, ys)
        return cls(offset, slope, math.sqrt(statistics.fmean((y - offset - slope * x) ** 2 for x, y in points)))

    def at(self, x):
        return self.offset + self.slope * x


@dataclass(frozen=True)
class Series:
    """One line of a chart: points (x, y), or (label, y) where the chart has bars. `fit`: drawn without points."""
    title: str
    points: list
    fit: bool = False


@dataclass(frozen=True)
class Chart:
    """Becomes charts/NAME.svg. `kind`: 'lines' or 'bars' (bars: one group a label, one bar a series; all series
    have the same labels). `log`: which axes are logarithmic, of 'x', 'y', 'xy'."""
    name: str
    title: str
    x: str
    y: str
    series: list[Series]
    kind: str = 'lines'
    log: str = ''


@dataclass(frozen=True)
class Table:
    """Cells are text, or numbers, which the report rounds to three or four digits."""
    title: str
    columns: list[str]
    rows: list[list]


@dataclass
class Section:
    """All of it may stay empty but `title`. `text` and `notes` are Markdown: before the figures, and after the charts."""
    title: str
    text: str = ''
    figures: list[Figure] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    charts: list[Chart] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
