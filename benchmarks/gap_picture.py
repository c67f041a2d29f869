"""Draws the gaps of two judged runs beside each other as one SVG file, the picture of the README.

    python -m benchmarks.gap_picture RUN RUN > docs/gap.svg

RUN is the folder of a run. Both pictures have the same scales.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from look.assets import style
from look.chart import Chart
from look.svg import draw
from reconcile.report.picture_file import read_picture
from runlog.facts import RunFacts
from runlog.folder import RunFolder

WIDTH, HEIGHT, HEAD = 470, 310, 26


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gap_picture", description=__doc__)
    parser.add_argument("runs", metavar="RUN", nargs=2, type=Path)
    folders = [RunFolder(path.resolve()) for path in parser.parse_args().runs]
    pictures = [read_picture(folder) for folder in folders]
    charts = [picture.chart for picture in pictures if picture is not None and picture.chart is not None]
    if len(charts) < len(folders):
        sys.stderr.write("gap_picture: RUN must be the folder of a judged run; `python -m reconcile RUN` judges one\n")
        return 2
    seconds = max(chart.seconds for chart in charts)
    highest = max(value or 0.0 for chart in charts for line in chart.panels[0].lines for value in line.values)
    parts = []
    for place, (folder, chart) in enumerate(zip(folders, charts, strict=True)):
        drawn = draw(_gap_of(chart, seconds, highest), WIDTH)
        moved = drawn.replace("<svg ", f'<svg x="{place * WIDTH}" y="{HEAD}" ', 1)
        title = f"{RunFacts.read(folder).service_variant}: {chart.panels[0].areas[-1].words or 'nothing lost'}"
        parts.append(f'<text class="heading" x="{place * WIDTH + 56}" y="18">{title}</text>{moved}')
    sys.stdout.write(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * WIDTH} {HEIGHT + HEAD}" role="img" '
        f'aria-label="Orders acknowledged against those in Kafka, for two services"><style>{style()}'
        "svg{background:var(--page)}svg .heading{fill:var(--ink);font-size:15px;font-weight:700}</style>"
        f"{''.join(parts)}</svg>\n"
    )
    return 0


def _gap_of(chart: Chart, seconds: float, highest: float) -> Chart:
    return replace(chart, seconds=seconds, panels=(replace(chart.panels[0], at_least=highest),), dots=None)


if __name__ == "__main__":
    sys.exit(main())
