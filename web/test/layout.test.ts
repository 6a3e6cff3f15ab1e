import { describe, expect, it } from 'vitest';
import type { StepStatus } from '../src/api/types';
import { hidingSections, itemAt, layOut, type Layout } from '../src/log/layout';
import { LogWindow } from '../src/log/window';

function windowOf(text: string, at = 0): LogWindow {
    const window = new LogWindow(at);
    window.append(new TextEncoder().encode(text));
    return window;
}
const step = (name: string, begin: number, end: number, state: StepStatus['state'] = 'passed'): StepStatus =>
    ({ name, state, exit_code: 0, log_begin: begin, log_end: end, duration_ms: 1 });

/** What is shown, one string per item: headings in brackets, "+" when folded. */
function shown(window: LogWindow, layout: Layout): string[] {
    return layout.items.map((item) => {
        if (item >= 0) return window.rows[item]!.text;
        const section = layout.sections[-1 - item]!;
        return `[${section.title}]${section.folded ? '+' : ''}`;
    });
}
const view = (text: string, steps: StepStatus[] = [], chosen = new Map<string, boolean>(), foldPassed = false): string[] => {
    const window = windowOf(text);
    return shown(window, layOut(window, { steps, chosen, foldPassed }));
};

describe('steps', () => {
    const text = 'aaa\nbbb\nccc\n';
    it('become headings at their offsets', () => {
        expect(view(text, [step('one', 0, 4), step('two', 4, 12)])).toEqual(['[one]', 'aaa', '[two]', 'bbb', 'ccc']);
    });
    it('leave what is between them outside', () => {
        expect(view(text, [step('one', 0, 4), step('two', 8, 12)])).toEqual(['[one]', 'aaa', 'bbb', '[two]', 'ccc']);
    });
    it('without output are shown, too; those that never began are not', () => {
        expect(view(text, [step('one', 0, 12), step('two', 12, 12), step('later', 0, 0, 'pending')]))
            .toEqual(['[one]', 'aaa', 'bbb', 'ccc', '[two]']);
    });
    it('that run go on to the end', () => {
        expect(view(text, [step('one', 0, 0, 'running')])).toEqual(['[one]', 'aaa', 'bbb', 'ccc']);
    });
    it('that passed are folded when the job failed', () => {
        expect(view(text, [step('one', 0, 4), step('two', 4, 12, 'failed')], new Map(), true))
            .toEqual(['[one]+', '[two]', 'bbb', 'ccc']);
    });
    it('that began before the window head it', () => {
        const window = windowOf('x\naaa\n', 100);
        expect(shown(window, layOut(window, { steps: [step('old', 0, 20), step('long', 20, 200)], chosen: new Map(), foldPassed: false })))
            .toEqual(['[long]', 'aaa']);
    });
});

describe('groups', () => {
    it('fold from ::group:: to ::endgroup::', () => {
        expect(view('a\n::group::G\nb\n::endgroup::\nc\n')).toEqual(['a', '[G]+', 'c']);
    });
    it('open by choice', () => {
        expect(view('a\n::group::G\nb\n::endgroup::\n', [], new Map([['group:2', false]]))).toEqual(['a', '[G]', 'b']);
    });
    it('are open while they are being written', () => {
        expect(view('::group::G\nb\n')).toEqual(['[G]', 'b']);
    });
    it('are open when they hold an error', () => {
        expect(view('::group::G\n::error::no\n::endgroup::\n')).toEqual(['[G]', '::error::no']);
    });
    it('end with their step', () => {
        const text = '::group::G\nb\nc\n';
        expect(view(text, [step('one', 0, 13), step('two', 13, 15)])).toEqual(['[one]', '[G]+', '[two]', 'c']);
    });
    it('of GitLab nest by name', () => {
        const text = 'section_start:1:a\r\x1b[0KOuter\nsection_start:1:b\r\x1b[0KInner\nx\nsection_end:2:a\r\x1b[0K\ny\n';
        expect(view(text)).toEqual(['[Outer]', '[Inner]', 'x', 'y']);
    });
    it('of Buildkite follow each other', () => {
        expect(view('--- one\na\n--- two\nb\n+++ three\nc\n')).toEqual(['[one]+', '[two]+', '[three]', 'c']);
    });
    it('are not made of diffs', () => {
        const diff = ['--- a/file.c', '+++ b/file.c', '--- /dev/null', '---', '+++ x\t2026-01-01'];
        expect(view(diff.join('\n') + '\n')).toEqual(diff);
    });
});

it('finds items and what hides them', () => {
    const window = windowOf('aaa\n::group::G\nbbb\n::endgroup::\nccc\n');
    const layout = layOut(window, { steps: [], chosen: new Map(), foldPassed: false });
    expect(layout.items).toEqual([0, -1, 4]);
    expect(itemAt(layout, window, 32)).toBe(2);
    expect(hidingSections(layout, window, 15)).toEqual(['group:4']);
    expect(hidingSections(layout, window, 0)).toEqual([]);
});
