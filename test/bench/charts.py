"""Charts as SVG, drawn by gnuplot."""
import subprocess


def _quoted(text):
    return "'" + text.replace("'", "''") + "'"


def script(chart, path):
    """What gnuplot is told."""
    lines = [f'set terminal svg size 760,420 dynamic background "white" font "sans-serif,13"', f'set output {_quoted(str(path))}',
             'set encoding utf8', 'set border 3', 'set tics nomirror', 'set grid ytics lc rgb "#dddddd"', 'set key outside right top noenhanced',
             f'set title {_quoted(chart.title)} noenhanced', f'set xlabel {_quoted(chart.x)} noenhanced', f'set ylabel {_quoted(chart.y)} noenhanced']
    if chart.log:
        lines.append(f'set logscale {chart.log}')
    if 'y' not in chart.log:
        lines.append('set yrange [0:*]')
    for i, series in enumerate(chart.series):
        rows = [f'{_label(x)} {y:.9g}' for x, y in series.points]
        lines += [f'$s{i} << EOD', *rows, 'EOD']
    if chart.kind == 'bars':
        lines += ['set style data histograms', 'set style histogram clustered gap 1', 'set style fill solid 0.8 border -1', 'set boxwidth 0.9',
                  'set xtics noenhanced']
        parts = [f'$s{i} using 2:xtic(1) title {_quoted(s.title)}' for i, s in enumerate(chart.series)]
    else:
        parts = [f"$s{i} using 1:2 with {'lines dashtype 2' if s.fit else 'linespoints pointtype 7 pointsize 0.5'} linewidth 2 "
                 f'title {_quoted(s.title)}' for i, s in enumerate(chart.series)]
    lines.append('plot ' + ', '.join(parts))
    return '\n'.join(lines) + '\n'


def _label(x):
    return f'{x:.9g}' if isinstance(x, (int, float)) else '"' + str(x).replace('"', '') + '"'


def draw(chart, directory):
    """Writes NAME.svg."""
    directory.mkdir(parents=True, exist_ok=True)
    subprocess.run(['gnuplot'], input=script(chart, directory / f'{chart.name}.svg'), text=True, check=True, capture_output=True, timeout=60)
