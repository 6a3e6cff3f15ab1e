import { describe, expect, it } from 'vitest';
import { bytes, duration, exactTime, firstLine, plural, relativeTime, webAddress } from '../src/lib/format';
import { countStates, lookOf, worstState } from '../src/lib/states';
import { visiblePieces, visibleText } from '../src/lib/visible';

describe('durations', () => {
    it.each([
        [0, '0.0 s'], [420, '0.4 s'], [1000, '1 s'], [59_400, '59 s'], [59_600, '1 min 00 s'], [185_000, '3 min 05 s'],
        [3_720_000, '1 h 02 min'], [183_600_000, '2 d 3 h'], [-5, '0.0 s'],
    ])('%i ms', (ms, text) => expect(duration(ms)).toBe(text.replaceAll(' ', '\u00a0')));
    it('unknown ones are empty', () => expect([duration(null), duration(undefined), duration(NaN)]).toEqual(['', '', '']));
});

describe('times', () => {
    const now = Date.parse('2026-05-10T12:00:00Z');
    it.each([
        ['2026-05-10T11:59:55Z', 'just now'], ['2026-05-10T11:59:20Z', '40 s ago'], ['2026-05-10T11:15:00Z', '45 min ago'],
        ['2026-05-09T12:00:00Z', '24 h ago'], ['2026-05-05T12:00:00Z', '5 days ago'], ['2025-01-02T03:04:05Z', '2025-01-02'],
        ['2026-05-10T13:00:00Z', 'in 1 h'], ['nonsense', 'nonsense'], [null, 'never'],
    ])('%s', (iso, text) => expect(relativeTime(iso, now)).toBe(text));
    it('has the exact one for tooltips', () => expect(exactTime('2026-05-10T12:00:00Z')).toContain('2026-05-10T12:00:00Z'));
});

it('counts bytes', () => {
    expect([0, 1023, 1024, 100 << 20, 5 * 2 ** 40].map(bytes)).toEqual(['0 B', '1023 B', '1.0 KiB', '100 MiB', '5.0 TiB']);
});

it('words', () => {
    expect([plural(1, 'job'), plural(2, 'job'), firstLine('a\nb')]).toEqual(['1 job', '2 jobs', 'a']);
});

it('links to the web only', () => {
    expect(webAddress('https://app.example/a?b')).toBe('https://app.example/a?b');
    for (const text of ['', 'app.example', 'javascript:alert(1)', ' java\tscript:alert(1)', 'data:text/html,x', '//app.example']) {
        expect(webAddress(text)).toBeUndefined();
    }
});

describe('states', () => {
    it('of a matrix are the worst of its cells, what goes on first', () => {
        expect(worstState(['passed', 'failed', 'errored'])).toBe('errored');
        expect(worstState(['failed', 'running'])).toBe('running');
        expect(worstState(['not_selected', 'passed'])).toBe('passed');
        expect(countStates(['passed', 'failed', 'passed'])).toBe('1 failed, 2 passed');
    });
    it('unknown to this build are shown as they are', () => expect(lookOf('odd').label).toBe('odd'));
});

describe('hostile text', () => {
    it('has its control characters named', () => {
        expect(visibleText('main\u202egpj.exe')).toBe('main⟨U+202E⟩gpj.exe');
        expect(visiblePieces('\u2066a\u0000')).toEqual([
            { text: 'U+2066', control: 'U+2066 LEFT-TO-RIGHT ISOLATE' }, { text: 'a' }, { text: 'U+0000', control: 'U+0000 NULL' },
        ]);
    });
    it('is otherwise left as it is', () => {
        for (const text of ['<script>alert(1)</script>', 'Ünïcode שלום', '👩\u200d🔬', 'two\nlines\tand tab']) {
            expect(visibleText(text)).toBe(text);
        }
        expect(visiblePieces('')).toEqual([]);
    });
    it('is marked each time it is looked at', () => {
        for (let i = 0; i < 3; i += 1) expect(visibleText('\u202ex')).toBe('⟨U+202E⟩x');
    });
});
