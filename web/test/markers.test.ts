import { expect, it } from 'vitest';
import { markerOf } from '../src/log/markers';
import { plainText } from '../src/log/ansi';
import { viewRow } from '../src/log/render';
import { LogWindow } from '../src/log/window';

const marker = (raw: string) => markerOf(raw, plainText(raw));

it('reads annotations with their place', () => {
    expect(marker('::error file=src/a.c,line=3,col=7::no such thing')).toEqual({
        kind: 'note', level: 'error', where: 'src/a.c:3:7', message: 'no such thing',
    });
    expect(marker('::warning::careful%0Atwo')).toMatchObject({ level: 'warning', where: '', message: 'careful\ntwo' });
    expect(marker('::notice title=a%3Ab::x')).toMatchObject({ level: 'notice', message: 'x' });
});

it('reads what compilers and linters say of a line', () => {
    expect(marker('src/a.c:3:7: error: no such thing [ruff F401]')).toEqual({
        kind: 'note', level: 'error', where: 'src/a.c:3:7', message: 'no such thing [ruff F401]',
    });
    expect(marker('\x1b[1mb.py:12:\x1b[0m note: see here')).toMatchObject({ level: 'notice', where: 'b.py:12', message: 'see here' });
    expect(marker('a.c:1: fatal error: x.h: No such file')).toMatchObject({ level: 'error', message: 'x.h: No such file' });
    for (const text of ['12:30:05: error: it is late', 'see a.c:3:7: error: x', 'a.c:3: errors: 2', 'https://x:80: error: no']) {
        expect(marker(text)).toBeUndefined();
    }
});

it('leaves other text alone', () => {
    expect(marker('std::error::code')).toBeUndefined();
    expect(marker('::set-output name=x::y')).toBeUndefined();
    expect(marker('a --- b')).toBeUndefined();
});

it('does not take long over a line made to be slow', () => {
    const begin = performance.now();
    marker('::error ' + ':a'.repeat(4000));
    marker('::error ' + 'a:'.repeat(4000) + ':');
    expect(performance.now() - begin).toBeLessThan(500);
});

function view(text: string, needle = '') {
    const window = new LogWindow();
    window.append(new TextEncoder().encode(text));
    return viewRow(window.rows[0]!, needle);
}

it('marks matches across colours', () => {
    const pieces = view('a\x1b[31mbc\x1b[0md', 'bcd').pieces;
    expect(pieces.map((piece) => [piece.text, piece.classes])).toEqual([['a', ''], ['bc', 'fg1 hit'], ['d', 'hit']]);
});

it('names bidirectional controls', () => {
    const pieces = view('x\u202ey').pieces;
    expect(pieces.map((piece) => [piece.text, piece.classes])).toEqual([['x', ''], ['U+202E', 'ctl'], ['y', '']]);
});

it('shows the message of an annotation, not its command', () => {
    const row = view('::error file=a.c,line=1::bad');
    expect([row.level, row.where, row.pieces[0]!.text]).toEqual(['error', 'a.c:1', 'bad']);
});
