// The log view: live, long, folded, searched.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { eachOnAPage, eventually, onFake, skip } from './harness.mjs';

const why = skip || (onFake ? false : 'needs the logs of the fake server');

describe('the log', { skip: why, timeout: 900_000 }, () => {
    let server;
    let page;
    eachOnAPage((parts) => ({ server, page } = parts), { args: ['--live-lines', '120'] });

    const lines = () => page.getByRole('region', { name: 'Log lines' });
    const scroll = () => lines().evaluate((view) => ({ top: view.scrollTop, below: view.scrollHeight - view.scrollTop - view.clientHeight }));
    const shown = () => page.locator('.line').count();

    // First, while the live job still runs.
    it('grows while the job runs, follows its end, and tells when it has ended', async () => {
        await page.goto(`${server.url}/jobs/110`);
        await page.getByText(/^running$/).first().waitFor();
        const seen = await page.locator('.line').count();
        await eventually('more lines', async () => (await page.locator('.line').count()) > seen);
        await eventually('the end is in sight', async () => (await scroll()).below <= 2);
        await page.getByText('passed', { exact: true }).first().waitFor({ timeout: 60_000 });
        await page.getByText('epoch 6 batch 19').or(page.getByText('epoch 7 batch  0')).first().waitFor();
        await eventually('the title tells', async () => /^passed: train/.test(await page.title()));
        const text = await lines().innerText();
        const batches = [...text.matchAll(/epoch (\d+) batch +(\d+)/g)].map((match) => Number(match[1]) * 20 + Number(match[2]));
        assert.deepEqual(batches, batches.map((_, i) => batches[0] + i), 'no line twice, none missing');
    });

    it('of 100 MB opens at its end with few elements in the page', async () => {
        await page.goto(`${server.url}/jobs/116`);
        await page.getByText('line  1000000').waitFor();
        assert.ok((await shown()) < 150);
        const heap = await page.evaluate(() => performance.memory?.usedJSHeapSize ?? 0);
        assert.ok(heap < 120e6, `${heap} bytes of heap`);
    });

    it('loads more on the way up and keeps the place', async () => {
        await page.goto(`${server.url}/jobs/116`);
        await page.getByText('line  1000000').waitFor();
        await page.getByRole('button', { name: 'Number the lines' }).click();
        await page.getByRole('link', { name: 'Line 1000000', exact: true }).waitFor({ timeout: 60_000 });
        for (let part = 0; part < 5; part += 1) {
            const before = await lines().evaluate((view) => view.scrollHeight);
            await lines().evaluate((view) => (view.scrollTop = 40));
            await eventually('an older part', async () => (await lines().evaluate((view) => view.scrollHeight)) > before);
            // What was at the top is still there: the line number in the row says so itself.
            await eventually('rows are numbered right', () => page.evaluate(() => {
                const rows = [...document.querySelectorAll('.line')];
                return rows.length > 20 && rows.every((row) => Number(/line +(\d+)/.exec(row.textContent)[1]) === Number(row.querySelector('.number').dataset.number));
            }));
        }
        assert.ok((await shown()) < 150);
    });

    it('opens at a line that a link names', async () => {
        await page.goto(`${server.url}/jobs/116#L500000`);
        const line = page.locator('#L500000');
        await line.waitFor({ timeout: 60_000 });
        await line.getByText('500000 needle').waitFor();
        assert.match(await line.getAttribute('class'), /selected/);
        await eventually('it is in sight', () => line.isVisible());
    });

    it('makes links to lines and ranges', async () => {
        await page.goto(`${server.url}/jobs/104`);
        await page.getByRole('link', { name: 'Line 88', exact: true }).click();
        assert.equal(new URL(page.url()).hash, '#L88');
        await page.getByRole('link', { name: 'Line 90', exact: true }).click({ modifiers: ['Shift'] });
        assert.equal(new URL(page.url()).hash, '#L88-L90');
        assert.equal(await page.locator('.line.selected').count(), 3);
    });

    it('opens the step that failed and folds the others', async () => {
        await page.goto(`${server.url}/jobs/104`);
        await page.getByRole('button', { name: /pytest -q/ }).or(page.locator('.line')).first().waitFor();
        await lines().evaluate((view) => (view.scrollTop = 0));
        const fold = (name) => page.getByRole('button', { name }).getAttribute('aria-expanded');
        assert.equal(await fold(/Fetch the source/), 'false');
        assert.equal(await fold(/pytest -q/), 'true');
        await page.getByRole('button', { name: /pip install/ }).click();
        assert.equal(await fold(/Resolving/), 'false');
        await page.getByText('Downloading 100%').waitFor();
        assert.equal(await page.getByText('Downloading  55%').count(), 0);
        await page.getByRole('button', { name: /Resolving/ }).click();
        await page.getByText('Collecting package-3').waitFor();
    });

    it('shows annotations with their place', async () => {
        await page.goto(`${server.url}/jobs/104`);
        const row = page.locator('.line.error');
        await row.waitFor();
        assert.match(await row.textContent(), /error.*tests\/test_payment\.py:88.*test_retry_on_timeout/);
    });

    it('finds text, also in folded steps', async () => {
        await page.goto(`${server.url}/jobs/104`);
        await page.getByLabel('Search the log').fill('package-7');
        await page.getByText('1/1').waitFor();
        await page.locator('.hit').getByText('package-7').waitFor();
        await page.getByLabel('Search the log').fill('no such thing');
        await page.getByText('none', { exact: true }).waitFor();
    });

    it('shows a match that comes after the search was typed', async () => {
        let release;
        const held = new Promise((resolve) => (release = resolve));
        await page.route('**/api/v1/jobs/104/log*', async (route) => {
            await held;
            await route.continue();
        });
        await page.goto(`${server.url}/jobs/104`);
        await page.getByLabel('Search the log').fill('package-7');
        await page.getByText('none', { exact: true }).waitFor();
        assert.equal(await page.locator('.line').count(), 0);
        release();
        await page.getByText('1/1').waitFor();
        await page.locator('.line.current .hit').getByText('package-7').waitFor();
    });

    it('drops escape sequences and keeps what follows them', async () => {
        await page.goto(`${server.url}/jobs/117`);
        await page.getByText('after the long line').waitFor();
        const text = await lines().innerText();
        for (const line of ['OSC 0 is gone', 'a link is text', 'DCS is gone', 'no cursor movement', 'this line is still here']) {
            assert.ok(text.includes(line), line);
        }
        assert.ok(!/title|evil\.example|q544e/.test(text));
        assert.equal(await page.locator('.line .ctl').first().textContent(), 'U+202E');
    });

    it('can be downloaded as it is', async () => {
        await page.goto(`${server.url}/jobs/104`);
        const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Raw' }).click()]);
        assert.match(download.url(), /\/api\/v1\/jobs\/104\/log$/);
    });
});
