// No file may put text into the page as HTML.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const files = (folder: string): string[] =>
    readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
        entry.isDirectory() ? files(join(folder, entry.name)) : [join(folder, entry.name)]);

it('never sets HTML, and no inline style or script that the policy would block', () => {
    const forbidden = [/\{@html/, /innerHTML|outerHTML|insertAdjacentHTML|document\.write/, /\bstyle="/, /\beval\(|new Function\(/];
    for (const file of files('src')) {
        const text = readFileSync(file, 'utf8');
        for (const pattern of forbidden) expect(pattern.test(text), `${file} has ${pattern}`).toBe(false);
    }
});
