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
