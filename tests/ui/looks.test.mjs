// Every page in both themes: accessible by axe's rules, and no wider than a small phone.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, describe, it } from 'node:test';
import { onFake, openPage, signIn, skip, startBrowser, startServer } from './harness.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const fakePages = ['/agents/2', '/projects/checkout-service', '/projects/new-project', '/runs/131', '/runs/131?job=104', '/runs/132', '/runs/134', '/runs/135', '/jobs/104', '/jobs/104?view=tests', '/jobs/104?view=coverage', '/jobs/104?view=metrics', '/jobs/101?view=findings', '/trends/checkout-service', '/environments/checkout-service', '/environments/new-project', '/gate/checkout-service'];
const paths = ['/', '/agents', '/nowhere', ...(onFake ? fakePages : [])];

describe('how it looks', { skip, timeout: 900_000 }, () => {
    let server;
    let browser;
    before(async () => {
        server = await startServer();
        browser = await startBrowser();
    });
    after(async () => {
        await browser?.stop();
        server?.stop();
    });

    async function withPage(options, work) {
        const context = await browser.newContext(options);
        const page = await openPage(context);
        await signIn(page, server);
        for (const path of paths) {
            await page.goto(server.url + path);
            await page.locator('main h1, main [role=alert], main .login').first().waitFor();
            await page.waitForLoadState('load');
            await work(page, path);
        }
        await context.close();
        assert.deepEqual(page.faults, []);
    }

    for (const colorScheme of ['light', 'dark']) {
        it(`is accessible in ${colorScheme}`, () => withPage({ colorScheme }, async (page, path) => {
            // True colours are the log's own; the theme's 16 are checked.
            await page.evaluate(axe);
            const { violations } = await page.evaluate(() => axe.run({ exclude: '.line [style]' }, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'] }));
            const found = violations.map((v) => `${v.id}: ${v.nodes.map((n) => `${n.target} ${n.failureSummary}`).slice(0, 3).join(' | ')}`);
            assert.deepEqual(found, [], path);
        }));
    }

    it('fits a width of 380 px', () => withPage({ viewport: { width: 380, height: 800 } }, async (page, path) => {
        const width = await page.evaluate(() => document.documentElement.scrollWidth);
        assert.ok(width <= 380, `${path} is ${width} px wide`);
    }));
});
