# cachemodel: plots of tables, as SVG.
# SPDX-License-Identifier: MIT
"""Lines over logarithmic axes, on a background of their own: legible on light and dark pages."""

import math
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 820, 400
LEFT, RIGHT, TOP, BOTTOM = 80, 310, 50, 60
# Told apart by those who do not see all colours, and by the shape of the marks.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8a6d00", "#1f2328", "#56b4e9", "#6e40c9")
MARKS = (
    '<circle cx="{x}" cy="{y}" r="4"/>',
    '<rect x="{l}" y="{t}" width="8" height="8"/>',
    '<path d="M{x} {t}L{r} {b}L{l} {b}Z"/>',
    '<path d="M{x} {t}L{r} {y}L{x} {b}L{l} {y}Z"/>',
)


def compact(number):
    """10000 as 10 k."""
    for size, sign in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:g} {sign}"
    return f"{number:g}"


class Axis:
    """From the decade, or the power of two, below the least value to the one above the greatest."""

    def __init__(self, values, begin, end):
        self.begin, self.end = begin, end
        decades = math.log10(max(values) / min(values))
        self.base = 10 if decades > 1.5 else 2
        # Without the epsilon a value on a tick may fall beside it.
        self.low = math.floor(math.log(min(values), self.base) + 1e-9)
        self.high = max(math.ceil(math.log(max(values), self.base) - 1e-9), self.low + 1)

    def place(self, value):
        part = (math.log(value, self.base) - self.low) / (self.high - self.low)
        return round(self.begin + part * (self.end - self.begin), 1)

    def ticks(self):
        return [float(self.base) ** power for power in range(self.low, self.high + 1)]


def mark(number, x, y):
    shape = MARKS[number % len(MARKS)]
    return shape.format(x=x, y=y, l=round(x - 4, 1), r=round(x + 4, 1), t=round(y - 4, 1), b=round(y + 4, 1))


def series_of(table):
    """For each column its name and its points; what is not above zero has no place on such axes."""
    for number, name in enumerate(table["columns"]):
        points = [(float(row["name"]), row["figures"][number]) for row in table["rows"]]
        yield name, [(x, y) for x, y in points if x > 0 and y is not None and y > 0]


def svg(table):
    series = list(series_of(table))
    points = [point for _, line in series for point in line]
    if not points:
        points = [(1.0, 1.0)]
    across = Axis([x for x, _ in points], LEFT, WIDTH - RIGHT)
    up = Axis([y for _, y in points], HEIGHT - BOTTOM, TOP)
    title, over, unit = map(escape, (table["title"], table["plot"]["over"], table["plot"]["unit"]))

    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="13" role="img" aria-labelledby="title desc">',
        f'  <title id="title">{title}</title>',
        f'  <desc id="desc">{unit} over {over}, both on logarithmic axes. The figures stand in the table.</desc>',
        f'  <rect width="{WIDTH}" height="{HEIGHT}" rx="6" fill="#ffffff"/>',
        '  <g stroke="#d0d7de">',
    ]
    for tick in across.ticks():
        out.append(f'    <path d="M{across.place(tick)} {up.end}V{up.begin}"/>')
    for tick in up.ticks():
        out.append(f'    <path d="M{across.begin} {up.place(tick)}H{across.end}"/>')
    out += ["  </g>", '  <g fill="#1f2328">']
    out.append(f'    <text x="{LEFT}" y="28" font-size="15" font-weight="bold">{title}</text>')
    for tick in across.ticks():
        out.append(f'    <text x="{across.place(tick)}" y="{up.begin + 20}" text-anchor="middle">{compact(tick)}</text>')
    for tick in up.ticks():
        out.append(f'    <text x="{LEFT - 8}" y="{up.place(tick) + 4}" text-anchor="end">{compact(tick)}</text>')
    middle = (across.begin + across.end) / 2
    out.append(f'    <text x="{middle}" y="{HEIGHT - 14}" text-anchor="middle">{over}</text>')
    middle = (up.begin + up.end) / 2
    out.append(f'    <text x="20" y="{middle}" text-anchor="middle" transform="rotate(-90 20 {middle})">{unit}</text>')
    for number, (name, _) in enumerate(series):
        out.append(f'    <text x="{across.end + 34}" y="{TOP + 14 + 22 * number}">{escape(name)}</text>')
    out.append("  </g>")
    for number, (_, line) in enumerate(series):
        colour = COLOURS[number % len(COLOURS)]
        places = [(across.place(x), up.place(y)) for x, y in line]
        out.append(f'  <g fill="{colour}">')
        if len(places) > 1:
            path = "L".join(f"{x} {y}" for x, y in places)
            out.append(f'    <path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        out += [f"    {mark(number, x, y)}" for x, y in places]
        out.append(f"    {mark(number, across.end + 20, TOP + 10 + 22 * number)}")
        out.append("  </g>")
    out.append("</svg>")
    return "\n".join(out) + "\n"
