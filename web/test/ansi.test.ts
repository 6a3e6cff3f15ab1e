import { describe, expect, it } from 'vitest';
import { cssColor, parseRow, plainLines, plainStyle, plainText, styleClass } from '../src/log/ansi';

const spans = (row: string): [string, string][] =>
    parseRow(row).spans.map((span) => [span.text, styleClass(span.style)]);

describe('colours', () => {
    it('keeps plain text as one span', () => {
        expect(spans('hello <b>world</b>')).toEqual([['hello <b>world</b>', '']]);
    });
    it('turns SGR codes into classes', () => {
        expect(spans('a\x1b[1;31mb\x1b[0mc')).toEqual([['a', ''], ['b', 'fg1 bold'], ['c', '']]);
    });
    it('treats an empty parameter as reset', () => {
        expect(spans('\x1b[32mok\x1b[m.')).toEqual([['ok', 'fg2'], ['.', '']]);
    });
    it('knows bright, background and the codes that switch off', () => {
        expect(spans('\x1b[93;44;4mx\x1b[39;49;24my')).toEqual([['x', 'fg11 bg4 underline'], ['y', '']]);
    });
    it('reads 256 colours and true colours', () => {
        const row = parseRow('\x1b[38;5;208ma\x1b[48;2;1;2;255mb');
        expect(row.spans.map((span) => [cssColor(span.style.fg), cssColor(span.style.bg)])).toEqual([
            ['rgb(255 135 0)', undefined], ['rgb(255 135 0)', '#0102ff'],
        ]);
    });
    it('ignores colours out of range', () => {
        expect(parseRow('\x1b[38;5;999mx').end.fg).toBe(-1);
        expect(parseRow('\x1b[38;2;1;2;300mx').end.fg).toBe(-1);
    });
    it('carries the style over to the next row', () => {
        const { end } = parseRow('\x1b[31mred');
        expect(styleClass(parseRow('still', end).spans[0]!.style)).toBe('fg1');
        expect(parseRow('x', plainStyle).end).toBe(plainStyle);
    });
});

describe('sequences that are dropped', () => {
    it.each([
        ['a title', '\x1b]0;title\x07text'],
        ['a link', '\x1b]8;;https://evil.example/\x1b\\te\x1b]8;;\x1b\\xt'],
        ['a device control string', '\x1bP+q544e\x1b\\text'],
        ['privacy and application strings', '\x1b^a\x1b\\te\x1b_b\x1b\\xt'],
        ['cursor movement', '\x1b[2J\x1b[10;3Htext\x1b[K'],
        ['private modes', '\x1b[?25ltext\x1b[?25h'],
        ['character sets', '\x1b(Btext\x1b='],
        ['8-bit introducers', '\u009b31mte\u009d0;title\u009cxt'],
        ['other control characters', 'te\x00\x07\x08\x7fxt'],
    ])('%s', (_, row) => expect(plainText(row)).toBe('text'));

    it('an unterminated string ends with its row', () => {
        expect(plainText('seen\x1b]0;never ends')).toBe('seen');
        expect(parseRow('next', parseRow('\x1b]0;never').end).spans).toHaveLength(1);
    });
    it('an escape at the very end is nothing', () => {
        expect(plainText('x\x1b')).toBe('x');
        expect(plainText('x\x1b[')).toBe('x');
        expect(plainText('x\x1b[3')).toBe('x');
    });
    it('a huge parameter list is ignored', () => {
        expect(parseRow(`\x1b[${'1;'.repeat(5000)}31mx`).end).toBe(plainStyle);
    });
});

it('shows the last text of a progress bar', () => {
    expect(plainText('10%\r55%\r100%')).toBe('100%');
    expect(plainText('windows line\r')).toBe('windows line');
});

it('keeps tabs', () => expect(plainText('a\tb\x1b[0m')).toBe('a\tb'));

it('cleans texts of several lines', () => {
    expect(plainLines('\x1b[31mE\x1b[0m one\ntwo')).toBe('E one\ntwo');
});
