// A row as pieces to put into the page: styles from ANSI, control characters marked, matches marked.
import { visiblePieces } from '../lib/visible';
import { cssColor, parseRow, plainStyle, styleClass } from './ansi';
import type { Row } from './window';

export interface RowPiece {
    text: string;
    classes: string;
    color: string | undefined;
    background: string | undefined;
    /** Set for a character that is shown by its name. */
    control: string | undefined;
}

export interface RowView {
    pieces: RowPiece[];
    level: 'error' | 'warning' | 'notice' | 'debug' | undefined;
    where: string;
}

/** How a row looks; `needle` (lower case) is marked where it occurs. */
export function viewRow(row: Row, needle = ''): RowView {
    const note = row.marker?.kind === 'note' ? row.marker : undefined;
    const spans = note ? [{ text: note.message, style: plainStyle }] : parseRow(row.text, row.style).spans;
    const hits = needle === '' ? [] : findAll(spans.map((span) => span.text).join('').toLowerCase(), needle);
    const pieces: RowPiece[] = [];
    let at = 0;
    for (const { text, style } of spans) {
        // Reverse video swaps the colours; with default ones a class does it.
        const color = cssColor(style.inverse ? style.bg : style.fg);
        const background = cssColor(style.inverse ? style.fg : style.bg);
        const classes = styleClass(style);
        for (const part of cut(text, at, hits, needle.length)) {
            for (const { text: shown, control } of visiblePieces(part.text)) {
                pieces.push({
                    text: shown, color, background, control,
                    classes: [classes, part.hit ? 'hit' : '', control ? 'ctl' : ''].filter(Boolean).join(' '),
                });
            }
        }
        at += text.length;
    }
    return { pieces, level: note?.level, where: note?.where ?? '' };
}

function findAll(text: string, needle: string): number[] {
    const hits: number[] = [];
    for (let at = text.indexOf(needle); at !== -1; at = text.indexOf(needle, at + needle.length)) hits.push(at);
    return hits;
}

/** Splits a span that begins at `at` where matches begin and end. */
function cut(text: string, at: number, hits: readonly number[], length: number): { text: string; hit: boolean }[] {
    const parts: { text: string; hit: boolean }[] = [];
    let from = 0;
    for (const hit of hits) {
        const begin = Math.max(from, hit - at);
        const end = Math.min(text.length, hit + length - at);
        if (end <= begin) continue;
        if (begin > from) parts.push({ text: text.slice(from, begin), hit: false });
        parts.push({ text: text.slice(begin, end), hit: true });
        from = end;
    }
    if (from < text.length) parts.push({ text: text.slice(from), hit: false });
    return parts;
}
