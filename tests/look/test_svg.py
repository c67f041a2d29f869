"""Pictures as values in, SVG out: where things lie, what is left out, what is escaped."""

import itertools
import json
import math
import re
from dataclasses import replace
from html import unescape
from typing import Any

import pytest

from look.axis import Scale, time_ticks, top_of
from look.chart import Area, Band, Chart, Dots, Line, NamedPhase, Panel
from look.figure import figure
from look.svg import NARROW, WIDE, draw
from look.words import amount, moment

GAP = Panel(
    "the gap",
    (Line("acknowledged", "acknowledged", [0, 10, 20, 30]), Line("delivered", "in Kafka", [0, 10, 10, 10])),
    step_s=1.0,
    height=200,
    areas=(Area("missing", [0, 10, 20, 30], [0, 10, 10, 10], "20 lost"),),
)
CHART = Chart("run", "what happened", "in words", 3.0, (GAP,))


def points(svg: str, style: str) -> list[tuple[float, float]]:
    (found,) = re.findall(rf'class="{style}" points="([^"]*)"', svg)
    return [(float(x), float(y)) for x, y in (pair.split(",") for pair in found.split())]


def reading(svg: str) -> Any:
    (found,) = re.findall(r'data-reading="([^"]*)"', svg)
    return json.loads(unescape(found))


def test_values_lie_on_both_axes() -> None:
    svg = draw(CHART)
    line = points(svg, "acknowledged")
    (left, bottom), (right, top) = line[0], line[-1]
    assert (left, right) == (56.0, WIDE - 10.0)
    # The axis ends at 40, the next round number: the line ends at three quarters of it.
    assert (bottom - top) == pytest.approx(200 * 30 / 40)
    assert [x for x, _ in points(svg, "delivered")] == [x for x, _ in line]


def test_the_area_lies_between_its_lines_and_names_its_size() -> None:
    svg = draw(CHART)
    edge = points(svg, "missing")
    assert edge[:4] == points(svg, "acknowledged")
    assert edge[4:] == points(svg, "delivered")[::-1]
    assert ">20 lost</text>" in svg


@pytest.mark.parametrize(
    ("upper", "shown"),
    [([0, 1, 1, 1], True), ([0, 0, 1, 0], False), ([0, 0, 150, 0], True), ([None] * 4, False)],
    ids=["low, to the end", "low, and over", "high, and over", "unknown"],
)
def test_the_words_of_an_area_need_room_or_its_end(upper: list[float | None], shown: bool) -> None:
    lines = (Line("due", "due", [0, 0, 0, 400]),)
    panel = replace(GAP, lines=lines, areas=(Area("waiting", upper, [0, 0, 0, 0], "words"),))
    assert (">words</text>" in draw(replace(CHART, panels=(panel,)))) is shown


def test_the_words_of_an_area_near_the_left_stay_in_the_picture() -> None:
    panel = replace(GAP, areas=(Area("missing", [0, 30, 0, 0], [0, 0, 0, 0], "a rather long name of it"),))
    svg = draw(replace(CHART, panels=(panel,), seconds=30.0))
    assert re.search(r'<text class="words missing-words" x="62" y="[0-9.]+" text-anchor="start">a rather', svg)


def test_what_is_unknown_leaves_a_gap() -> None:
    panel = replace(GAP, lines=(Line("p95", "slow", [1, None, 3, 4]),), areas=())
    svg = draw(replace(CHART, panels=(panel,)))
    assert len(re.findall('<polyline class="p95"', svg)) == 2
    assert reading(svg)["rows"] == [["slow", 1.0, "count", [1, None, 3, 4]]]


def test_a_count_by_second_is_a_step() -> None:
    panel = replace(GAP, lines=(Line("errors", "errors", [2, 2, 4]),), areas=(), stepped=True)
    line = points(draw(replace(CHART, panels=(panel,))), "errors")
    assert [y for _, y in line] == [line[0][1]] * 4 + [line[-1][1]] * 2
    assert line[1][0] == line[2][0]


def test_bands_are_cut_at_the_edges_and_named_where_they_have_room() -> None:
    bands = (Band(1.0, math.inf, "down", "broker down"), Band(0.9, 1.0, "edge", "broker stopping"), Band(2, 2, "x", ""))
    svg = draw(replace(CHART, bands=bands))
    boxes = re.findall(r'<rect class="(\w+)" x="([\d.]+)" y="22" width="([\d.]+)"', svg)
    assert [style for style, *_ in boxes] == ["down", "edge"]
    assert float(boxes[0][1]) + float(boxes[0][2]) == pytest.approx(WIDE - 10)
    assert ">broker down</text>" in svg
    assert ">broker stopping</text>" not in svg
    assert "<title>broker stopping</title>" in svg
    assert reading(svg)["bands"][0] == [1.0, None, "broker down"]


def test_phases_stand_above_where_they_have_room() -> None:
    svg = draw(replace(CHART, phases=(NamedPhase(0, 2.9, "baseline"), NamedPhase(2.9, 3.0, "outage"))))
    assert ">baseline</text>" in svg
    assert ">outage</text>" not in svg
    assert reading(svg)["phases"] == [[0, 2.9, "baseline"], [2.9, 3.0, "outage"]]


def test_each_moment_is_a_dot_until_its_column_is_full() -> None:
    svg = draw(replace(CHART, dots=Dots("lost events", [1.5] * 100 + [math.nan, 3.0])))
    assert svg.count("<circle") == 13
    assert "lost events by send time, one dot each, 88 not drawn" in svg
    assert max(float(x) for x in re.findall(r'cx="([\d.]+)"', svg)) <= WIDE - 10


def test_nothing_known_is_drawn_all_the_same() -> None:
    empty = Chart("run", "nothing", "", 0.0, (replace(GAP, lines=(Line("due", "due", []),), areas=()),))
    assert "<polyline" not in draw(empty)
    assert reading(draw(empty))["seconds"] == 0.0


def test_words_from_outside_are_escaped() -> None:
    evil = "\"><script>alert(1)</script>&'"
    panel = replace(GAP, title=evil, lines=(Line("due", evil, [1]),), areas=(Area("missing", [9], [0], evil),))
    chart = Chart(
        "run", evil, evil, 1.0, (GAP, panel), (Band(0, 1, "down", evil),), (NamedPhase(0, 1, evil),), Dots(evil, [])
    )
    text = figure(chart)
    assert "<script" not in text
    assert text.count("&lt;script&gt;") > 10


def test_a_figure_is_drawn_for_desk_and_telephone() -> None:
    text = figure(replace(CHART, bands=(Band(1, 2, "down", "broker down"),) * 2))
    assert f'viewBox="0 0 {WIDE} ' in text
    assert f'viewBox="0 0 {NARROW} ' in text
    assert text.count("<li>") == 3
    assert 'type="range" min="0" max="3" value="3"' in text


def test_the_same_chart_gives_the_same_text() -> None:
    assert figure(CHART) == figure(CHART)


@pytest.mark.parametrize(
    ("highest", "top"), [(0, 1), (0.003, 0.004), (1, 1), (1.1, 2), (3, 4), (761, 800), (801, 1000), (5, 5)]
)
def test_axes_end_at_round_numbers(highest: float, top: float) -> None:
    assert top_of(highest) == pytest.approx(top)


@pytest.mark.parametrize(("seconds", "step"), [(0.05, 0.1), (44.4, 5), (3, 0.5), (7200, 600), (360_000, 32_400)])
def test_the_time_axis_names_a_few_moments(seconds: float, step: float) -> None:
    ticks = time_ticks(seconds, 12)
    assert ticks[0] == 0
    assert len(ticks) <= 13
    assert all(later - sooner == pytest.approx(step) for sooner, later in itertools.pairwise(ticks))


def test_a_scale_ends_at_its_edges() -> None:
    scale = Scale(10, 100, 0)
    assert [scale(value) for value in (-1, 0, 5, 10, 99)] == [100, 100, 50, 0, 0]
    assert Scale(0, 100, 0)(1) == 100


def test_moments_and_amounts_in_words() -> None:
    assert [moment(at) for at in (0, 12.5, 600, 754)] == ["0 s", "12.5 s", "10 min", "12:34 min"]
    counts = [amount(value, "count") for value in (0, 0.5, 12345)]
    assert counts == ["0", "0.5", "12\u202f345"]
    assert [amount(value, "seconds") for value in (0, 0.012, 1.25)] == ["0", "12 ms", "1.2 s"]
