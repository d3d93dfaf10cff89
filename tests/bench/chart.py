"""Plots of the benchmarks as SVG: lines over a logarithmic axis, and groups of bars."""
COLOURS = ("#1f5fa8", "#b3541e", "#3f8f4f", "#8a5aa8", "#c9a227", "#4aa3a8", "#a83f5f")
NO_DNS = "#999999"


class Frame:
    """Axis, grid, key: what both kinds of plot have. Room for the key is left on the right."""

    def __init__(self, title, x_title, highest, width=720, height=400):
        self.width, self.height, self.left, self.right, self.top, self.bottom = width, height, 60, 190, 40, 50
        self.step = next(step for step in (0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 10 ** 9)
                         if highest / step <= 10)
        self.y_max = (int(highest * 1.05 / self.step) + 1) * self.step
        self.out = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" '
                    'font-size="13">' % (width, height), '<rect width="100%" height="100%" fill="#ffffff"/>',
                    '<text x="%d" y="22" fill="#333333">%s</text>' % (self.left, title)]
        for number in range(round(self.y_max / self.step) + 1):
            value = number * self.step
            at = self.y(value)
            self.out.append('<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="#dddddd"/>'
                            % (self.left, width - self.right, at, at))
            self.out.append('<text x="%d" y="%.1f" text-anchor="end" fill="#555555">%g</text>'
                            % (self.left - 8, at + 4, value))
        self.out.append('<text x="%.1f" y="%d" text-anchor="middle" fill="#333333">%s</text>'
                        % ((self.left + width - self.right) / 2, height - 8, x_title))

    def x(self, share):
        return self.left + share * (self.width - self.left - self.right)

    def y(self, value):
        return self.height - self.bottom - value / self.y_max * (self.height - self.top - self.bottom)

    def x_label(self, share, text):
        self.out.append('<text x="%.1f" y="%d" text-anchor="middle" fill="#555555">%s</text>'
                        % (self.x(share), self.height - self.bottom + 20, text))

    def key(self, number, label, colour):
        at = self.top + 20 + 22 * number
        self.out.append('<line x1="%d" x2="%d" y1="%d" y2="%d" stroke="%s" stroke-width="3"/>'
                        % (self.width - self.right + 12, self.width - self.right + 34, at - 4, at - 4, colour))
        self.out.append('<text x="%d" y="%d" fill="#333333">%s</text>' % (self.width - self.right + 40, at, label))

    def write(self, path):
        with open(path, "w", encoding="ascii") as file:
            file.write("\n".join(self.out + ["</svg>"]) + "\n")


def lines(path, title, x_title, series):
    """`series`: (label, colour, [(x, y)]), x being powers of ten."""
    exponents = sorted({len(str(x)) - 1 for _, _, points in series for x, _ in points})
    first, last = exponents[0], max(exponents[-1], exponents[0] + 1)
    frame = Frame(title, x_title, max(y for _, _, points in series for _, y in points))

    def share(x):
        return (len(str(x)) - 1 - first) / (last - first)

    for exponent in exponents:
        frame.x_label(share(10 ** exponent), format(10 ** exponent, ","))
    for number, (label, colour, points) in enumerate(series):
        places = [(frame.x(share(x)), frame.y(y)) for x, y in points]
        frame.out.append('<polyline fill="none" stroke="%s" stroke-width="2" points="%s"/>'
                         % (colour, " ".join("%.1f,%.1f" % at for at in places)))
        frame.out.extend('<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>' % (x, y, colour) for x, y in places)
        frame.key(number, label, colour)
    frame.write(path)


def bars(path, title, x_title, groups, series):
    """`series`: (label, colour, one value for each of `groups`, None: no bar), each value written above its bar."""
    # A bar is as wide as the number above it.
    bars_wide = 28 * (len(series) + 1) * len(groups)
    frame = Frame(title, x_title, max(value for _, _, values in series for value in values if value is not None),
                  width=max(720, bars_wide + 250))
    room = 1.0 / len(groups)
    each = room / (len(series) + 1)
    wide = frame.x(each) - frame.x(0)
    for place, group in enumerate(groups):
        frame.x_label((place + 0.5) * room, group)
        # Those that are missing here leave no gap.
        here = [(colour, values[place]) for _, colour, values in series if values[place] is not None]
        for number, (colour, value) in enumerate(here):
            left = frame.x((place + 0.5) * room + (number - len(here) / 2) * each)
            top = frame.y(value)
            frame.out.append('<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"/>'
                             % (left, top, wide * 0.92, frame.y(0) - top, colour))
            frame.out.append('<text x="%.1f" y="%.1f" text-anchor="middle" font-size="10" fill="#333333">%.1f</text>'
                             % (left + wide * 0.46, top - 3, value))
    for number, (label, colour, _) in enumerate(series):
        frame.key(number, label, colour)
    frame.write(path)
