// Pictures of every page, light and dark, wide and narrow, into build/screenshots. For people to look at.
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { openPage, signIn, skip, startBrowser, startServer } from './harness.mjs';

if (skip) {
    console.log(`skipped: ${skip}`);
    process.exit(0);
}
const folder = fileURLToPath(new URL('../../build/screenshots/', import.meta.url));
await mkdir(folder, { recursive: true });

const pages = [
    ['projects', '/'],
    ['project', '/projects/checkout-service'],
    ['project-empty', '/projects/new-project'],
    ['run-failed', '/runs/131'],
    ['run-failed-job', '/runs/131?job=104'],
    ['run-active', '/runs/132'],
    ['run-config-error', '/runs/134'],
    ['run-hostile', '/runs/135'],
    ['job-failed', '/jobs/104'],
    ['job-tests', '/jobs/104?view=tests'],
    ['job-tests-many', '/jobs/102?view=tests'],
    ['job-tests-shard', '/jobs/105?view=tests'],
    ['job-findings', '/jobs/101?view=findings'],
    ['job-coverage', '/jobs/104?view=coverage'],
    ['job-metrics', '/jobs/104?view=metrics'],
    ['trends', '/trends/checkout-service?job=test+(3.11)'],
    ['job-live', '/jobs/110'],
    ['job-hostile', '/jobs/117'],
    ['job-big', '/jobs/116#L500000'],
    ['agents', '/agents'],
    ['agent', '/agents/2'],
    ['gate', '/gate/checkout-service'],
    ['not-found', '/nowhere'],
];
const looks = [
    ['light', { colorScheme: 'light' }],
    ['dark', { colorScheme: 'dark' }],
    ['narrow', { colorScheme: 'light', viewport: { width: 380, height: 800 } }],
];

const only = process.argv[2];
const server = await startServer();
const browser = await startBrowser();
for (const [look, options] of looks) {
    const context = await browser.newContext(options);
    const page = await openPage(context);
    if (!only) {
        await page.goto(`${server.url}/login`);
        await page.getByRole('button', { name: 'Sign in' }).waitFor();
        await page.screenshot({ path: `${folder}login-${look}.png` });
    }
    await signIn(page, server);
    for (const [name, path] of pages) {
        if (only && !name.includes(only)) continue;
        await page.goto(server.url + path);
        await page.waitForLoadState('load');
        await page.waitForTimeout(name === 'job-big' ? 4000 : 900);  // pictures only: no condition fits all pages
        await page.screenshot({ path: `${folder}${name}-${look}.png`, fullPage: look === 'narrow' });
    }
    if (page.faults.length > 0) console.log(look, page.faults);
    await context.close();
}
await browser.stop();
server.stop();
console.log(`pictures are in ${folder}`);
