import { describe, expect, it } from 'vitest';
import { LogWindow, lowerBound } from '../src/log/window';
import { bytesOf } from '../src/log/source';

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const texts = (window: LogWindow): string[] => window.rows.map((row) => row.text);
const numbers = (window: LogWindow): (number | undefined)[] => window.rows.map((row) => window.lineNumber(row));
const small = { bytes: 1 << 20, rows: 1000, rowBytes: 8 };

describe('appending', () => {
    it('cuts lines and numbers them', () => {
        const window = new LogWindow();
        window.append(utf8('one\ntwo\n\nfour'));
        expect(texts(window)).toEqual(['one', 'two', '', 'four']);
        expect(numbers(window)).toEqual([1, 2, 3, 4]);
        expect(window.rows.map((row) => row.offset)).toEqual([0, 4, 8, 9]);
    });
    it('completes an unfinished line', () => {
        const window = new LogWindow();
        window.append(utf8('a\nhal'));
        window.append(utf8('f\nb\n'));
        window.append(utf8('c'));
        expect(texts(window)).toEqual(['a', 'half', 'b', 'c']);
        expect(numbers(window)).toEqual([1, 2, 3, 4]);
        expect(window.end).toBe(10);
    });
    it('gives the same rows however the bytes arrive', () => {
        const log = utf8('α β\n\x1b[31mγ\n::group::x\n' + 'ü'.repeat(30) + '\nend');
        const whole = new LogWindow(0, small);
        whole.append(log);
        const pieces = new LogWindow(0, small);
        for (let at = 0; at < log.length; at += 1) pieces.append(log.subarray(at, at + 1));
        expect(pieces.rows).toEqual(whole.rows);
    });
    it('cuts a line that is too long, not a character', () => {
        const window = new LogWindow(0, small);
        window.append(utf8('1234567ü9\nnext\n'));
        expect(texts(window)).toEqual(['1234567', 'ü9', 'next']);
        expect(window.rows.map((row) => row.continued)).toEqual([false, true, false]);
        expect(numbers(window)).toEqual([1, 1, 2]);
    });
    it('carries colours from row to row', () => {
        const window = new LogWindow();
        window.append(utf8('\x1b[31mred\nstill\n\x1b[0mdone\n'));
        expect(window.rows.map((row) => row.style.fg)).toEqual([-1, 1, 1]);
    });
    it('begins with a whole line when it begins inside the log', () => {
        const window = new LogWindow(1000);
        window.append(utf8('tail of a line\nfirst\nsecond\n'));
        expect(texts(window)).toEqual(['first', 'second']);
        expect(window.begin).toBe(1015);
        expect(numbers(window)).toEqual([undefined, undefined]);
    });
    it('begins inside a line that is very long', () => {
        const window = new LogWindow(1000, small);
        window.append(utf8('x'.repeat(40) + '\nnext\n'));
        expect(window.begin).toBe(1000);
        expect(window.rows[0]!.continued).toBe(true);
        window.setLinesBefore(6);
        expect(numbers(window).at(-1)).toBe(8);
    });
});

describe('going up', () => {
    it('prepends a part and keeps numbers right', () => {
        const log = utf8(Array.from({ length: 100 }, (_, i) => `line ${i + 1}\n`).join(''));
        const window = new LogWindow(500);
        window.append(log.subarray(500));
        window.setLinesBefore(texts(window)[0] === 'line 64' ? 63 : Number(texts(window)[0]!.slice(5)) - 1);
        const grown = window.prepend(log.subarray(200, window.begin), 200);
        expect(grown).toBeGreaterThan(10);
        for (const row of window.rows) expect(row.text).toBe(`line ${window.lineNumber(row)}`);
        window.prepend(log.subarray(0, window.begin), 0);
        expect(window.begin).toBe(0);
        expect(numbers(window)).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
    });
    it('learns the numbers when it reaches the start', () => {
        const log = utf8('a\nb\nc\nd\n');
        const window = new LogWindow(3);
        window.append(log.subarray(3));
        expect(numbers(window)).toEqual([undefined, undefined]);
        window.prepend(log.subarray(0, window.begin), 0);
        expect(texts(window)).toEqual(['a', 'b', 'c', 'd']);
        expect(numbers(window)).toEqual([1, 2, 3, 4]);
    });
    it('joins a line that the window begins inside of', () => {
        const log = utf8('first\n' + 'x'.repeat(64) + '\nlast\n');
        const window = new LogWindow(20, small);
        window.append(log.subarray(20));
        window.prepend(log.subarray(0, 20), 0);
        expect(numbers(window).at(-1)).toBe(3);
        expect(texts(window).join('')).toBe('first' + 'x'.repeat(64) + 'last');
    });
});

describe('forgetting', () => {
    const limits = { bytes: 60, rows: 5, rowBytes: 1024 };
    const lines = (from: number, to: number): Uint8Array =>
        utf8(Array.from({ length: to - from }, (_, i) => `${String(from + i).padStart(9)}\n`).join(''));

    it('drops the top of a log that grows, and keeps the numbers', () => {
        const window = new LogWindow(0, limits);
        window.append(lines(1, 11));
        expect(window.trimTop()).toBe(5);
        expect(window.begin).toBe(50);
        expect(numbers(window)).toEqual([6, 7, 8, 9, 10]);
        window.append(lines(11, 13));
        window.trimTop();
        expect(numbers(window)).toEqual([8, 9, 10, 11, 12]);
    });
    it('drops the bottom when older parts were loaded', () => {
        const window = new LogWindow(100, limits);
        window.append(utf8('\n'));
        window.append(lines(1, 5));
        window.prepend(lines(100, 104), 61);
        expect(window.trimBottom()).toBeGreaterThan(0);
        expect(window.rows.length).toBeLessThanOrEqual(5);
        expect(window.end - window.begin).toBeLessThanOrEqual(60);
        const { end } = window;
        window.append(utf8('again\n'));
        expect(window.rows.at(-1)).toMatchObject({ text: 'again', offset: end });
    });
    it('does nothing within its limits', () => {
        const window = new LogWindow(0, limits);
        window.append(lines(1, 4));
        expect([window.trimTop(), window.trimBottom()]).toEqual([0, 0]);
    });
});

describe('finding', () => {
    it('finds rows by offset and by line', () => {
        const window = new LogWindow(0, small);
        window.append(utf8('a\n' + 'b'.repeat(20) + '\nc\n'));
        expect(window.rows[window.indexOfLine(3)]!.text).toBe('c');
        expect(window.indexOfLine(4)).toBe(-1);
        expect(window.indexAt(2)).toBe(1);
    });
    it('searches by halving', () => {
        const values = [1, 3, 5, 7];
        expect([0, 1, 4, 8].map((x) => lowerBound(4, (i) => values[i]! >= x))).toEqual([0, 0, 2, 4]);
    });
});

describe('streamed text', () => {
    it('has the length that its bytes had', () => {
        expect(bytesOf('abc', 3)).toEqual(utf8('abc'));
        expect(bytesOf('a\ufffdb', 3)).toEqual(new Uint8Array([97, 255, 98]));
        expect(bytesOf('a\ufffdb', 5)).toEqual(utf8('a\ufffdb'));
    });
});
