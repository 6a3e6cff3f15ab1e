// Reports of jobs and trends: lists that the server pages, filters, keys, charts.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { eachOnAPage, eventually, onFake, skip } from './harness.mjs';

const why = skip || (onFake ? false : 'needs the reports of the fake server');

describe('reports', { skip: why, timeout: 900_000 }, () => {
    let server;
    let page;
    eachOnAPage((parts) => ({ server, page } = parts));

    const list = () => page.getByRole('list', { name: /^[0-9]+ (tests?|findings?|files?)$/ });
    const rows = () => list().locator('button[data-index]');
    const row = (text) => rows().filter({ hasText: text }).first();
    const press = (name) => page.getByRole('button', { name }).click();

    it('lead from the log to what failed, with its words, and back into the log', async () => {
        await page.goto(`${server.url}/jobs/104`);
        await page.getByRole('link', { name: 'Tests 2 failed' }).click();
        await row('test_retry_on_timeout').waitFor();
        // What failed comes first, and the first failure is open.
        assert.match(await rows().nth(0).textContent(), /^failed\s*test_retry_on_timeout.*new/);
        assert.match(await rows().nth(1).textContent(), /^failed\s*test_total_rounds/);
        assert.match(await rows().nth(2).textContent(), /^passed\s*test_reconnects_after_reset.*flaky/);
        await page.getByText('>       assert gateway.calls == 1').waitFor();
        assert.equal(await page.getByText('Compared with run 130 of main').count(), 1);
        await page.getByRole('link', { name: 'Find in the log' }).click();
        await page.locator('.line.current .hit').getByText('test_retry_on_timeout').waitFor();
    });

    it('of 100,000 tests come part by part, and all can be reached', async () => {
        const asked = [];
        page.on('request', (request) => request.url().includes('/reports/tests') && asked.push(new URL(request.url()).searchParams.get('offset')));
        await page.goto(`${server.url}/jobs/102?view=tests`);
        await page.getByRole('list', { name: '100000 tests' }).waitFor();
        assert.ok((await rows().count()) < 60);
        await rows().first().focus();
        await page.keyboard.press('End');
        await eventually('the last test has the focus', async () => (await page.evaluate(() => document.activeElement?.dataset.index)) === '99999');
        assert.ok((await page.locator('[aria-posinset="100000"]').count()) === 1);
        await page.keyboard.press('ArrowUp');
        await eventually('the one before', async () => (await page.evaluate(() => document.activeElement?.dataset.index)) === '99998');
        await page.keyboard.press('Home');
        await eventually('the first', async () => (await page.evaluate(() => document.activeElement?.dataset.index)) === '0');
        assert.ok(asked.length <= 6, `${asked.length} parts were asked for: ${asked}`);
        assert.ok((await rows().count()) < 60);
    });

    it('are filtered and searched by the server', async () => {
        await page.goto(`${server.url}/jobs/104?view=tests`);
        await row('test_retry_on_timeout').waitFor();
        await press(/^Flaky/);
        await page.getByRole('list', { name: '1 test', exact: true }).waitFor();
        await row('test_reconnects_after_reset').click();
        await page.getByText('Failed in 9 attempts on 7 commits lately, and passed on 6 of them, too.').waitFor();
        await press(/^New failures/);
        await row('test_retry_on_timeout').waitFor();
        assert.equal(await rows().count(), 1);
        await press('Slowest first');
        await eventually('slowest first', async () => /[0-9]\ss$/.test((await rows().first().textContent()) ?? ''));
        await press(/^All/);
        await page.getByLabel('Name, suite or file').fill('BASKET_case_0000');
        await page.getByRole('list', { name: '2 tests' }).waitFor();
        await page.getByLabel('Name, suite or file').fill('no such thing');
        await page.getByText('No test matches “no such thing”.').waitFor();
    });

    it('of shards are shown as one, or alone', async () => {
        await page.goto(`${server.url}/jobs/105?view=tests`);
        await page.getByText('All 3 shards of test (3.12) together.').waitFor();
        await page.getByRole('list', { name: '137 tests' }).waitFor();
        await press('Only shard 1');
        await page.getByRole('list', { name: '46 tests' }).waitFor();
        await page.getByText('Only shard 1 of 3.').waitFor();
    });

    it('show what the change brings, and what it has mended', async () => {
        await page.goto(`${server.url}/jobs/101?view=findings`);
        await page.getByText('Compared with run 130 of main').waitFor();
        await rows().first().waitFor();
        const fresh = await rows().count();
        assert.ok(fresh > 0 && fresh < 20);
        await press(/^All/);
        await eventually('all findings', async () => (await list().getAttribute('aria-label')) === '121 findings');
        await press(/^Errors/);
        await eventually('errors only', async () => (await rows().allTextContents()).every((text) => text.includes('error')));
        await press('Any severity');
        await press(/^Fixed/);
        await row('F841').click();
        await page.getByText('Local variable `reply` is assigned to but never used').nth(1).waitFor();
        await press(/^New/);
        await row('B006').click();
        const link = page.getByRole('link', { name: 'Find in the log' });
        assert.match(await link.getAttribute('href'), /find=src%2Fpayment%2Fretry\.py%3A12/);
    });

    it('show the files that the change left uncovered first', async () => {
        await page.goto(`${server.url}/jobs/104?view=coverage`);
        await rows().first().waitFor();
        assert.match(await rows().first().textContent(), /src\/gateway\/module_0\.py.*4 of 12 changed/);
        await rows().first().click();
        await page.getByText('Changed and not covered:').waitFor();
        await press('By name');
        await eventually('by name', async () => /src\/payment\/module_0/.test(await rows().first().textContent()));
    });

    it('show numbers beside their base, and lead to charts', async () => {
        await page.goto(`${server.url}/jobs/104?view=metrics`);
        await page.getByText('coverage.changed is 66.7%, the minimum is 80%').waitFor();
        await page.getByRole('row', { name: /p95_ms/ }).waitFor();
        await page.getByRole('img', { name: /^p95_ms over [0-9]+ runs: now/ }).waitFor();
        await page.getByRole('link', { name: 'Larger charts of these numbers' }).click();
        await page.getByRole('heading', { name: 'Trends of test (3.11)' }).waitFor();
        const chart = page.getByRole('group', { name: /^tests\.total over/ });
        await chart.getByRole('link').last().focus();
        await page.getByText(/^run 131 \(.*\): 4[0-9]{2}, \+[0-9]/).waitFor();
        assert.equal(await page.getByRole('row', { name: /test_reconnects_after_reset/ }).count(), 1);
        await page.getByLabel('Job').selectOption('lint');
        await page.getByRole('group', { name: /^findings\.total over/ }).waitFor();
        assert.match(page.url(), /job=lint/);
    });

    it('of a project without any are explained', async () => {
        await page.goto(`${server.url}/trends/new-project`);
        await page.getByRole('heading', { name: 'No numbers yet' }).waitFor();
        await page.getByText('No test failed and passed on the same commit').waitFor();
    });
});
