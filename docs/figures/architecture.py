"""Draw the architecture: `python docs/figures/architecture.py`.

Writes docs/_static/architecture.svg.
"""

from html import escape
from pathlib import Path

WIDTH, HEIGHT = 1120, 480
BLUE = ("#2f6db3", "#eaf2fb")
GREEN = ("#2e7d5b", "#e8f5ee")
ORANGE = ("#b3622d", "#fcf0e6")
GRAY = ("#5a6270", "#f4f5f7")
BOX_HEIGHT = 66


def text(x, y, words, *, size=15.5, color="#1d2430", weight="normal", anchor="middle"):
    return (
        f'<text x="{x}" y="{y}" font-size="{size}" fill="{color}" '
        f'font-weight="{weight}" text-anchor="{anchor}">{escape(words)}</text>'
    )


def panel(x, y, width, height, color, title):
    stroke, fill = color
    return [
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="10" '
        f'fill="{fill}" stroke="{stroke}" stroke-opacity="0.35"/>',
        text(x + 16, y + 24, title, color=stroke, weight="bold", anchor="start"),
    ]


def box(x, y, width, color, title, *lines, height=BOX_HEIGHT):
    """Draw a box: a title and up to two smaller lines, centered."""
    stroke, _ = color
    first = y + height / 2 + 5 - 8 * len(lines)
    return [
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="6" '
        f'fill="#ffffff" stroke="{stroke}" stroke-width="1.5"/>',
        text(x + width / 2, first, title, weight="bold"),
        *(
            text(x + width / 2, first + 18 * k, line, size=14, color="#4a5260")
            for k, line in enumerate(lines, start=1)
        ),
    ]


def arrow(*points, color="#4a5260"):
    path = " ".join(f"{x},{y}" for x, y in points)
    return [
        f'<polyline points="{path}" fill="none" stroke="{color}" '
        'stroke-width="1.6" marker-end="url(#head)"/>'
    ]


def note(x, y, words, anchor="middle"):
    return [text(x, y, words, size=14, color="#4a5260", anchor=anchor)]


def draw():
    parts = []
    # Panels
    parts += panel(20, 20, 690, 130, BLUE, "Feature branch: one law for all places")
    parts += panel(
        20, 170, 690, 290, GREEN, "Condition branch: what differs by place and time"
    )
    parts += panel(750, 20, 180, 440, ORANGE, "Decoder")
    parts += panel(950, 20, 150, 440, GRAY, "Result")

    # Feature branch
    top = 64
    parts += box(40, top, 170, BLUE, "Features of a row", "numbers, categories")
    parts += box(280, top, 170, BLUE, "Feature tokens", "one vector per feature")
    parts += box(520, top, 170, BLUE, "Self-attention", "features exchange")
    middle = top + BOX_HEIGHT / 2
    parts += arrow((210, middle), (277, middle))
    parts += arrow((450, middle), (517, middle))

    # Condition branch: the graph, once for all rows
    top = 214
    parts += box(40, top, 130, GREEN, "Training places", "latitude, longitude")
    parts += box(205, top, 145, GREEN, "Graph on sphere", "k-means nodes")
    parts += box(385, top, 105, GREEN, "GCN", "neighbors mix")
    parts += box(525, top, 165, GREEN, "LSTM", "runs over the steps")
    middle = top + BOX_HEIGHT / 2
    for start, end in ((170, 202), (350, 382), (490, 522)):
        parts += arrow((start, middle), (end, middle))

    # Condition branch: a row finds its condition
    low = 372
    parts += box(40, low, 200, GREEN, "Place and time of a row")
    parts += box(525, low, 165, GREEN, "Attach", "nearest nodes,", "between two steps")
    parts += arrow((240, low + 32), (522, low + 32))
    parts += arrow((607, top + BOX_HEIGHT), (607, low - 3))
    parts += note(594, 326, "a state for every node and step", anchor="end")

    # Decoder
    parts += box(765, 64, 150, ORANGE, "Cross-attention", "features ask nodes")
    parts += box(765, 194, 150, ORANGE, "FiLM", "condition scales", "and shifts")
    parts += box(765, 324, 150, ORANGE, "Read-out", "of all tokens")
    parts += arrow((690, 84), (762, 84))
    parts += arrow((690, low + 20), (730, low + 20), (730, 112), (762, 112))
    parts += arrow((730, 226), (762, 226))
    parts += arrow((840, 130), (840, 191))
    parts += arrow((840, 260), (840, 321))
    parts += note(848, 164, "tokens", anchor="start")
    parts += note(848, 294, "tokens", anchor="start")

    # Result
    parts += box(960, 64, 112, GRAY, "Explanation", "the terms")
    parts += box(960, 194, 112, GRAY, "Prediction", "ŷ = b + Σ wⱼ vⱼ")
    parts += box(960, 324, 112, GRAY, "Terms", "b, each wⱼ vⱼ")
    parts += arrow((915, 356), (957, 356))
    parts += note(936, 348, "wⱼ")
    parts += arrow((1016, 324), (1016, 261))
    parts += note(1024, 294, "sum", anchor="start")
    parts += arrow((1072, 356), (1086, 356), (1086, 96), (1075, 96))
    parts += arrow((690, low + 52), (1016, low + 52), (1016, 393))
    parts += note(1024, 416, "b", anchor="start")
    return parts


def main():
    head = (
        '<marker id="head" viewBox="0 0 10 10" refX="8" refY="5" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0,0 L10,5 L0,10 z" '
        'fill="#4a5260"/></marker>'
    )
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="Helvetica, Arial, sans-serif" role="img">',
        "<title>Architecture of the network</title>",
        f"<defs>{head}</defs>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        *draw(),
        "</svg>",
    ]
    target = Path(__file__).parents[1] / "_static" / "architecture.svg"
    target.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
