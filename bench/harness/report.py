"""Figures and how they are shown: a table for people, JSON for programs, from the same rows."""

import os
import platform
from dataclasses import asdict, dataclass, field
from typing import Optional

from harness.stats import median, percentile


@dataclass
class Floor:
    """What the machine itself needs for the same, measured in the same run."""

    name: str
    value: float
    unit: str


@dataclass
class Figure:
    name: str
    value: float  # the median where there are samples
    unit: str
    p95: Optional[float] = None
    floor: Optional[str] = None  # name of a Floor of the same unit
    goal: Optional[str] = None  # "< 10", "> 300"
    samples: Optional[int] = None
    ratio: Optional[float] = None  # value / floor, or floor / value where more is better

    @staticmethod
    def of_samples(name, samples, unit, **more):
        return Figure(name, median(samples), unit, p95=percentile(samples, 95), samples=len(samples), **more)

    def met(self):
        if not self.goal:
            return None
        sign, limit = self.goal.split()
        return self.value < float(limit) if sign == "<" else self.value > float(limit)


@dataclass
class Report:
    name: str
    title: str
    floors: list = field(default_factory=list)
    figures: list = field(default_factory=list)
    notes: list = field(default_factory=list)

    def floor(self, name, value, unit):
        self.floors.append(Floor(name, value, unit))

    def add(self, figure):
        for floor in self.floors:
            if figure.floor == floor.name and floor.unit == figure.unit and figure.value and floor.value:
                more_is_better = figure.unit.endswith("/s")
                figure.ratio = floor.value / figure.value if more_is_better else figure.value / floor.value
        self.figures.append(figure)

    def note(self, text):
        self.notes.append(text)

    def to_json(self):
        figures = []
        for figure in self.figures:
            row = {key: value for key, value in asdict(figure).items() if value is not None}
            if figure.met() is not None:
                row["met"] = figure.met()
            figures.append(row)
        return {"title": self.title, "floors": [asdict(f) for f in self.floors], "figures": figures,
                "notes": self.notes}

    def to_text(self):
        rows = [("", "value", "p95", "unit", "floor", "x floor", "goal")]
        for figure in self.figures:
            rows.append((figure.name, number(figure.value), number(figure.p95), figure.unit, figure.floor or "",
                         number(figure.ratio), goal_text(figure)))
        lines = [f"{self.name}: {self.title}"]
        lines += table(rows)
        if self.floors:
            lines.append("  floors of this run: " +
                         "; ".join(f"{f.name} {number(f.value)} {f.unit}" for f in self.floors))
        lines += ["  note: " + note for note in self.notes]
        return "\n".join(lines)


def goal_text(figure):
    if not figure.goal:
        return ""
    return f"{figure.goal} {'ok' if figure.met() else 'MISSED'}"


def number(value):
    if value is None:
        return ""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if abs(value) >= 100:
        return f"{value:.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if abs(value) >= 0.1 or value == 0 else f"{value:.3f}"


def table(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [row[i].ljust(widths[i]) if i in (3, 4, 6) else row[i].rjust(widths[i]) for i in range(1, len(row))]
        yield "  " + "  ".join(cells).rstrip()


def machine(binaries):
    """Where and on what a run was made; `loaded` says that times of it are biased upwards."""
    load = os.getloadavg()[0]
    model = ""
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return {"cpu": model, "cores": os.cpu_count(), "kernel": platform.release(), "binaries": binaries,
            "load_before": round(load, 2), "loaded": load > 1.0}
