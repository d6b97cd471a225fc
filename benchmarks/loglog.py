"""Small log-log plots as SVG text, for pages that show a picture and scripts without matplotlib."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from math import floor, log, log10
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

WIDTH, HEIGHT = 420, 380
"""Of one panel, in pixels."""
LEFT, RIGHT, TOP, BOTTOM = 62, 16, 44, 58
"""Around the axes of a panel."""
SAMPLES = 60
STYLE = """
  text { font-family: system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: #444 }
  .title { font-size: 14px; font-weight: 600; fill: #222 }
  .label { font-size: 11px; fill: #666 }
  .grid { stroke: #ececec }
  .frame { fill: none; stroke: #bbb }
  .line { fill: none; stroke: #e07b39; stroke-width: 1.6; stroke-dasharray: 5 4 }
  .point { fill: #2166ac; stroke: #fff; stroke-width: 1.5 }
"""

Range = tuple[float, float]


@dataclass(frozen=True)
class Panel:
    """One plot: points (x, y), the line through them, and what is said of them."""

    title: str
    x_label: str
    y_label: str
    points: Sequence[tuple[float, float]]
    line: Callable[[float], float]
    remarks: Sequence[str]


def padded(values: Iterable[float], below: float = 1.5, above: float = 1.5) -> Range:
    seen = list(values)
    return min(seen) / below, max(seen) * above


def ticks(limits: Range) -> list[float]:
    """1, 2 and 5 times every power of ten within limits."""
    powers = range(floor(log10(limits[0])), floor(log10(limits[1])) + 1)
    steps = [float(f"{digit}e{power}") for power in powers for digit in (1, 2, 5)]
    return [step for step in steps if limits[0] <= step <= limits[1]]


def shortly(value: float) -> str:
    """Two digits, or all before the point."""
    return f"{value:.{max(0, 1 - floor(log10(value)))}f}"


def place(value: float, limits: Range, start: float, end: float) -> float:
    """Where `value` lies between `start` and `end`, in pixels."""
    part = log(value / limits[0]) / log(limits[1] / limits[0])
    return start + part * (end - start)


def text(x: float, y: float, words: str, anchor: str = "middle", extra: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {extra}>{escape(words)}</text>'


def axes(panel: Panel, x_limits: Range, y_limits: Range) -> list[str]:
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    out = []
    for value in ticks(y_limits):
        y = place(value, y_limits, bottom, TOP)
        out.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{right}"/>')
        out.append(text(LEFT - 8, y + 4, f"{value:g}", "end"))
    for value in sorted({x for x, _ in panel.points}):
        x = place(value, x_limits, LEFT, right)
        out.append(f'<path class="grid" d="M{x:.1f} {TOP}V{bottom}"/>')
        out.append(text(x, bottom + 18, f"{value:g}"))
    frame = f'x="{LEFT}" y="{TOP}" width="{right - LEFT}" height="{bottom - TOP}"'
    middle = (TOP + bottom) / 2
    return [
        *out,
        f'<rect class="frame" {frame}/>',
        text(LEFT, TOP - 16, panel.title, "start", 'class="title"'),
        text((LEFT + right) / 2, HEIGHT - 18, panel.x_label),
        text(18, middle, panel.y_label, extra=f'transform="rotate(-90 18 {middle})"'),
    ]


def drawn(panel: Panel, x_limits: Range, y_limits: Range) -> list[str]:
    """The line, the points with their values at the lower right, and the remarks."""

    def pixel(x: float, y: float) -> tuple[float, float]:
        across = place(x, x_limits, LEFT, WIDTH - RIGHT)
        return across, place(y, y_limits, HEIGHT - BOTTOM, TOP)

    first, last = min(panel.points)[0], max(panel.points)[0]
    along = [first * (last / first) ** (i / SAMPLES) for i in range(SAMPLES + 1)]
    path = "L".join("{:.1f} {:.1f}".format(*pixel(x, panel.line(x))) for x in along)
    out = [f'<path class="line" d="M{path}"/>']
    for x, y in panel.points:
        across, down = pixel(x, y)
        out.append(f'<circle class="point" cx="{across:.1f}" cy="{down:.1f}" r="5"/>')
        out.append(text(across + 5, down + 18, f"{shortly(y)} s", "start", 'class="label"'))
    rows = enumerate(panel.remarks)
    return out + [text(LEFT + 12, TOP + 22 + 18 * i, words, "start") for i, words in rows]


def figure(panels: Sequence[Panel]) -> str:
    """Panels side by side, with one range of y for all; what is beside them stays white."""
    # the remarks stand above the points, and their values below
    y_limits = padded((y for panel in panels for _, y in panel.points), 2.0, 6.0)
    width = WIDTH * len(panels)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT}" '
        f'width="{width}" height="{HEIGHT}" font-size="12" role="img">',
        f"<title>{escape('; '.join(panel.title for panel in panels))}</title>",
        f"<style>{STYLE}</style>",
        '<rect width="100%" height="100%" fill="#fff"/>',
    ]
    for i, panel in enumerate(panels):
        x_limits = padded((x for x, _ in panel.points), 1.4, 2.4)
        inside = axes(panel, x_limits, y_limits) + drawn(panel, x_limits, y_limits)
        out += [f'<g transform="translate({i * WIDTH} 0)">', *inside, "</g>"]
    return "\n".join([*out, "</svg>", ""])
