// No file may put text into the page as HTML.
import { expect, it } from 'vitest';

const sources = import.meta.glob<string>('../src/**/*.{ts,svelte}', { query: '?raw', import: 'default', eager: true });

it('never sets HTML, and no inline style or script that the policy would block', () => {
    const forbidden = [/\{@html/, /innerHTML|outerHTML|insertAdjacentHTML|document\.write/, /\bstyle="/, /\beval\(|new Function\(/];
    expect(Object.keys(sources).length).toBeGreaterThan(30);
    for (const [file, text] of Object.entries(sources)) {
        for (const pattern of forbidden) expect(pattern.test(text), `${file} has ${pattern}`).toBe(false);
    }
});
