// Reads one row of a log: colours (SGR) become styles, every other escape sequence is dropped, so that
// a log can neither move the cursor, set a title nor open a link. The result is text for textContent.

/** Colour: −1 default, 0–255 palette, "#rrggbb" true colour. */
export type Color = number | string;

export interface Style {
    fg: Color;
    bg: Color;
    bold: boolean;
    dim: boolean;
    italic: boolean;
    underline: boolean;
    inverse: boolean;
    strike: boolean;
}

export const plainStyle: Style = Object.freeze({
    fg: -1, bg: -1, bold: false, dim: false, italic: false, underline: false, inverse: false, strike: false,
});

export interface Span {
    text: string;
    style: Style;
}

export interface StyledRow {
    spans: Span[];
    /** The style in force after the row; the next row starts with it. */
    end: Style;
}

const esc = 0x1b;
const bel = 0x07;

/**
 * Parses one row without its line feed. A carriage return starts the row again (progress bars show
 * their last text); strings (OSC, DCS, APC, PM, SOS) end at the row's end at the latest, so that an
 * unterminated one cannot swallow what follows.
 */
export function parseRow(row: string, start: Style = plainStyle): StyledRow {
    if (!needsParsing(row)) {
        return { spans: row === '' ? [] : [{ text: row, style: start }], end: start };
    }
    let spans: Span[] = [];
    let style = start;
    let text = '';
    let returned = false;  // a carriage return was seen; it counts when more text follows
    const flush = (): void => {
        if (text !== '') spans.push({ text, style });
        text = '';
    };
    let at = 0;
    while (at < row.length) {
        const code = row.charCodeAt(at);
        const introducer = code === esc ? row.charCodeAt(at + 1) - 0x40 : code - 0x80;
        const width = code === esc ? 2 : 1;
        if (code === esc || (code >= 0x80 && code <= 0x9f)) {
            if (introducer === 0x1b) {  // CSI
                const end = endOfCsi(row, at + width);
                if (row[end - 1] === 'm') {
                    flush();
                    style = applySgr(style, row.slice(at + width, end - 1));
                }
                at = end;
            } else if ([0x10, 0x18, 0x1d, 0x1e, 0x1f].includes(introducer)) {  // DCS SOS OSC PM APC
                at = endOfString(row, at + width);
            } else {
                at = code === esc ? endOfEscape(row, at + 1) : at + 1;
            }
            continue;
        }
        at += 1;
        if (code === 0x0d) {
            returned = true;
        } else if (code >= 0x20 ? code !== 0x7f : code === 0x09) {
            if (returned) {
                spans = [];
                text = '';
                returned = false;
            }
            text += row[at - 1];
        }
    }
    flush();
    return { spans, end: style };
}

/** The text of a row alone, for searching and markers. */
export function plainText(row: string): string {
    if (!needsParsing(row)) return row;
    return parseRow(row).spans.map((span) => span.text).join('');
}

// eslint-disable-next-line no-control-regex
const controls = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/;
const needsParsing = (row: string): boolean => controls.test(row);

/** Index after the CSI sequence whose parameters begin at `at`; a broken one ends before the odd byte. */
function endOfCsi(row: string, at: number): number {
    while (at < row.length) {
        const code = row.charCodeAt(at);
        if (code >= 0x40 && code <= 0x7e) return at + 1;
        if (code < 0x20 || code > 0x7e) return at;
        at += 1;
    }
    return at;
}

function endOfString(row: string, at: number): number {
    while (at < row.length) {
        const code = row.charCodeAt(at);
        if (code === bel || code === 0x9c) return at + 1;
        if (code === esc && row[at + 1] === '\\') return at + 2;
        at += 1;
    }
    return at;
}

/** `ESC`, intermediates 20–2F, final 30–7E. */
function endOfEscape(row: string, at: number): number {
    while (at < row.length && row.charCodeAt(at) >= 0x20 && row.charCodeAt(at) <= 0x2f) at += 1;
    const final = row.charCodeAt(at);
    return final >= 0x30 && final <= 0x7e ? at + 1 : at;
}

/** Applies `1;31`. Private (`?25`) and over-long parameter lists are ignored. */
function applySgr(style: Style, parameters: string): Style {
    if (!/^[0-9;:]{0,128}$/.test(parameters)) return style;
    const codes = parameters.split(/[;:]/).map((part) => (part === '' ? 0 : Number(part)));
    const next = { ...style };
    for (let i = 0; i < codes.length; i += 1) {
        const code = codes[i]!;
        if (code === 0) Object.assign(next, plainStyle);
        else if (code === 1) next.bold = true;
        else if (code === 2) next.dim = true;
        else if (code === 3) next.italic = true;
        else if (code === 4) next.underline = true;
        else if (code === 7) next.inverse = true;
        else if (code === 9) next.strike = true;
        else if (code === 22) next.bold = next.dim = false;
        else if (code === 23) next.italic = false;
        else if (code === 24) next.underline = false;
        else if (code === 27) next.inverse = false;
        else if (code === 29) next.strike = false;
        else if (code >= 30 && code <= 37) next.fg = code - 30;
        else if (code === 39) next.fg = -1;
        else if (code >= 40 && code <= 47) next.bg = code - 40;
        else if (code === 49) next.bg = -1;
        else if (code >= 90 && code <= 97) next.fg = code - 82;
        else if (code >= 100 && code <= 107) next.bg = code - 92;
        else if (code === 38 || code === 48) {
            const [color, used] = extendedColor(codes.slice(i + 1));
            if (color !== undefined) next[code === 38 ? 'fg' : 'bg'] = color;
            i += used;
        }
    }
    return next;
}

/** `5;n` or `2;r;g;b`: the colour and how many codes it took. */
function extendedColor(codes: number[]): [Color | undefined, number] {
    if (codes[0] === 5 && codes[1] !== undefined) return [codes[1] <= 255 ? codes[1] : undefined, 2];
    if (codes[0] === 2 && codes.length >= 4) {
        const rgb = codes.slice(1, 4);
        if (rgb.some((part) => part > 255)) return [undefined, 4];
        return ['#' + rgb.map((part) => part.toString(16).padStart(2, '0')).join(''), 4];
    }
    return [undefined, codes.length];
}

/** CSS of a colour beyond the 16 that the theme defines; undefined for those and the default. */
export function cssColor(color: Color): string | undefined {
    if (typeof color === 'string') return color;
    if (color < 16) return undefined;
    if (color >= 232) {
        const level = 8 + (color - 232) * 10;
        return `rgb(${level} ${level} ${level})`;
    }
    const cube = color - 16;
    const level = (step: number): number => (step === 0 ? 0 : 55 + step * 40);
    return `rgb(${level(Math.floor(cube / 36))} ${level(Math.floor(cube / 6) % 6)} ${level(cube % 6)})`;
}

/** Class names of a style; the 16 theme colours are classes, so that both themes keep contrast. */
export function styleClass(style: Style): string {
    if (style === plainStyle) return '';
    const names: string[] = [];
    if (typeof style.fg === 'number' && style.fg >= 0 && style.fg < 16) names.push(`fg${style.fg}`);
    if (typeof style.bg === 'number' && style.bg >= 0 && style.bg < 16) names.push(`bg${style.bg}`);
    for (const name of ['bold', 'dim', 'italic', 'underline', 'inverse', 'strike'] as const) {
        if (style[name]) names.push(name);
    }
    return names.join(' ');
}

/** A text of several lines without escape sequences: test messages often carry their tool's colours. */
export const plainLines = (text: string): string => text.split('\n').map(plainText).join('\n');
