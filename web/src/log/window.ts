// The part of a log that is in memory: one contiguous range of bytes as rows. It grows at either end
// and forgets at the other, so that a log of any size costs a bounded amount of memory.
import { type Marker, markerOf } from './markers';
import { parseRow, plainStyle, plainText, type Style } from './ansi';

export interface Row {
    /** Byte offset in the log. */
    offset: number;
    text: string;
    /** Part of a line too long for one row: it has no number of its own. */
    continued: boolean;
    /** Line number minus `LogWindow.base`. */
    line: number;
    style: Style;
    marker: Marker | undefined;
}

export interface Limits {
    /** Bytes kept at most. */
    bytes: number;
    rows: number;
    /** Longest row in bytes; a longer line is cut into several. */
    rowBytes: number;
}

export const defaultLimits: Limits = { bytes: 16 << 20, rows: 300_000, rowBytes: 8 << 10 };

const lineFeed = 10;

export class LogWindow {
    rows: Row[] = [];
    /** Bytes [begin, end) of the log are in `rows`. */
    begin: number;
    end: number;
    /** Number of the line before row.line = 1, once the line feeds before `begin` were counted. */
    base: number | undefined;

    /** The unfinished last line, as bytes: its next bytes may complete a character or a marker. */
    private open: Uint8Array = new Uint8Array();
    /** The next byte belongs to a line that began before it, in a row that is complete. */
    private endsInsideLine = false;
    private readonly decoder = new TextDecoder();

    constructor(at = 0, private readonly limits: Limits = defaultLimits) {
        this.begin = this.end = at;
        this.base = at === 0 ? 0 : undefined;
    }

    /** Takes the bytes that follow `end`, or, on an empty window, the first ones, which may begin mid-line. */
    append(bytes: Uint8Array): void {
        if (bytes.length === 0) return;
        if (this.rows.length === 0 && this.begin > 0) {
            const { skip, inside } = startOfLine(bytes, this.limits.rowBytes);
            this.begin += skip;
            this.end = this.begin;
            this.endsInsideLine = inside;
            bytes = bytes.subarray(skip);
        }
        const reopened = this.open.length > 0 ? this.rows.pop() : undefined;
        const at = this.end - this.open.length;
        const joined = concat(this.open, bytes);
        const last = this.rows[this.rows.length - 1];
        const start = {
            style: reopened?.style ?? this.endStyle(last),
            line: reopened ? reopened.line - (reopened.continued ? 0 : 1) : (last?.line ?? 0),
            continued: reopened?.continued ?? this.endsInsideLine,
        };
        const { rows, open } = this.split(joined, at, start);
        for (const row of rows) this.rows.push(row);
        this.open = joined.slice(joined.length - open);
        this.end = at + joined.length;
        this.endsInsideLine = false;
    }

    /**
     * Says where the log's end really is: streamed text may stand for more bytes than it has
     * (see bytesOf in source.ts).
     */
    alignEnd(end: number): void {
        this.end = Math.max(this.end, end);
    }

    /** Takes the bytes that end at `begin`. Returns by how many rows the window grew at the top. */
    prepend(bytes: Uint8Array, from: number): number {
        const { skip, inside } =
            from === 0 ? { skip: 0, inside: false } : startOfLine(bytes, this.limits.rowBytes);
        const kept = bytes.subarray(skip);
        if (kept.length === 0) return 0;
        const { rows } = this.split(kept, from + skip, { style: plainStyle, line: 0, continued: inside });
        const first = this.rows[0];
        const lastLine = rows[rows.length - 1]?.line ?? 0;
        // The old first row keeps its number: the new ones count down from it.
        const shift = (first?.line ?? 1) - (first?.continued ? 0 : 1) - lastLine;
        for (const row of rows) row.line += shift;
        this.rows = rows.concat(this.rows);
        this.begin = from + skip;
        if (this.begin === 0) this.base = -(this.rows[0]?.line ?? 1) + 1;
        return rows.length;
    }

    /** Tells how many line feeds there are before `begin`. */
    setLinesBefore(count: number): void {
        this.base = count + 1 - (this.rows[0]?.line ?? 1);
    }

    /** Forgets rows at the top until the window is within its limits. Returns how many. */
    trimTop(): number {
        const count = this.excess((i) => this.end - this.rows[i]!.offset);
        if (count === 0) return 0;
        this.rows.splice(0, count);
        this.begin = this.rows[0]?.offset ?? this.end;
        return count;
    }

    /** Forgets rows at the bottom: the window then no longer reaches the log's end. */
    trimBottom(): number {
        let keep = Math.min(this.rows.length, this.limits.rows);
        while (keep > 1 && (this.rows[keep]?.offset ?? this.end) - this.begin > this.limits.bytes) keep -= 1;
        const dropped = this.rows.length - keep;
        if (dropped === 0) return 0;
        this.end = this.rows[keep]!.offset;
        this.endsInsideLine = this.rows[keep]!.continued;
        this.open = new Uint8Array();
        this.rows.length = keep;
        return dropped;
    }

    /** The number of a row, once known. */
    lineNumber(row: Row): number | undefined {
        return this.base === undefined ? undefined : this.base + row.line;
    }

    /** Index of the first row at or after a byte offset. */
    indexAt(offset: number): number {
        return lowerBound(this.rows.length, (i) => this.rows[i]!.offset >= offset);
    }

    /** Index of the row with a line number; −1 when it isn't in the window or numbers are unknown. */
    indexOfLine(line: number): number {
        if (this.base === undefined) return -1;
        const wanted = line - this.base;
        const at = lowerBound(this.rows.length, (i) => this.rows[i]!.line >= wanted);
        return this.rows[at]?.line === wanted ? at : -1;
    }

    private endStyle(row: Row | undefined): Style {
        return row ? parseRow(row.text, row.style).end : plainStyle;
    }

    private excess(bytesFrom: (index: number) => number): number {
        let drop = Math.max(0, this.rows.length - this.limits.rows);
        while (drop < this.rows.length && bytesFrom(drop) > this.limits.bytes) drop += 1;
        return drop;
    }

    /** Cuts bytes into rows; `open` is the length of a last row that has no line feed yet. */
    private split(
        bytes: Uint8Array, at: number, start: { style: Style; line: number; continued: boolean },
    ): { rows: Row[]; open: number } {
        const rows: Row[] = [];
        let { style, line, continued } = start;
        let from = 0;
        while (from < bytes.length) {
            const feed = bytes.indexOf(lineFeed, from);
            const lineEnd = feed === -1 ? bytes.length : feed;
            let to = lineEnd;
            if (to - from > this.limits.rowBytes) to = characterStart(bytes, from + this.limits.rowBytes);
            const text = this.decoder.decode(bytes.subarray(from, to));
            const first = !continued;
            if (first) line += 1;
            rows.push({
                offset: at + from, text, continued, line, style,
                marker: first ? markerOf(text, plainText(text)) : undefined,
            });
            style = parseRow(text, style).end;
            continued = to < lineEnd;
            const length = to - from;
            from = continued ? to : lineEnd + 1;
            if (!continued && feed === -1) return { rows, open: length };
        }
        return { rows, open: 0 };
    }
}

/** Bytes to skip so that a piece begins with a line; a very long first line is begun inside. */
function startOfLine(bytes: Uint8Array, rowBytes: number): { skip: number; inside: boolean } {
    const feed = bytes.subarray(0, 4 * rowBytes).indexOf(lineFeed);
    return feed === -1
        ? { skip: characterStart(bytes, 0, 1), inside: true }
        : { skip: feed + 1, inside: false };
}

/** The nearest start of a UTF-8 character at or before (step −1) or after (step 1) an index. */
function characterStart(bytes: Uint8Array, at: number, step: 1 | -1 = -1): number {
    for (let i = 0, to = at; i < 4; i += 1, to += step) {
        if (to <= 0 && step < 0) break;
        if (to >= bytes.length || (bytes[to]! & 0xc0) !== 0x80) return to;
    }
    return at;
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
    if (a.length === 0) return b;
    const joined = new Uint8Array(a.length + b.length);
    joined.set(a);
    joined.set(b, a.length);
    return joined;
}

/** The first index in [0, count) where `holds` is true, or count; `holds` must be monotonic. */
export function lowerBound(count: number, holds: (index: number) => boolean): number {
    let low = 0;
    let high = count;
    while (low < high) {
        const middle = (low + high) >>> 1;
        if (holds(middle)) high = middle;
        else low = middle + 1;
    }
    return low;
}

