// Where the points of a small line chart stand. Pure.

export interface Point {
    x: number;
    y: number;
    value: number;
    /** Index into the runs that were given. */
    index: number;
}

export interface Shape {
    points: Point[];
    /** The `d` of the line. */
    line: string;
    /** The same, closed to the bottom. */
    area: string;
    low: number;
    high: number;
}

/** `values`: one a run, oldest first; undefined where the run does not tell. Drawn into width × height with a margin. */
export function shapeOf(values: readonly (number | undefined)[], width: number, height: number, margin = 6): Shape {
    const known = values.filter((value): value is number => value !== undefined && Number.isFinite(value));
    let low = Math.min(...known);
    let high = Math.max(...known);
    if (known.length === 0) return { points: [], line: '', area: '', low: 0, high: 0 };
    const shown = { low, high };
    // A number that never changed is a line in the middle, not at an edge.
    if (low === high) [low, high] = [low - 1, high + 1];
    const step = values.length > 1 ? (width - 2 * margin) / (values.length - 1) : 0;
    const points: Point[] = [];
    values.forEach((value, index) => {
        if (value === undefined || !Number.isFinite(value)) return;
        const x = values.length > 1 ? margin + index * step : width / 2;
        const y = height - margin - ((value - low) / (high - low)) * (height - 2 * margin);
        points.push({ x: round(x), y: round(y), value, index });
    });
    const line = points.map((point, i) => `${i === 0 ? 'M' : 'L'}${point.x} ${point.y}`).join('');
    const area = points.length > 1 ? `${line}L${points.at(-1)!.x} ${height}L${points[0]!.x} ${height}Z` : '';
    return { points, line, area, ...shown };
}

const round = (value: number): number => Math.round(value * 100) / 100;
