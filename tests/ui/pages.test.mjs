// What the pages show, in a real browser.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { eachOnAPage, eventually, onFake, openPage, signIn, skip } from './harness.mjs';

describe('the pages', { skip, timeout: 900_000 }, () => {
    let server;
    let context;
    let page;
    eachOnAPage((parts) => ({ server, context, page } = parts), { signedIn: false });

    it('ask for a token and say when it is wrong', async () => {
        await page.goto(`${server.url}/agents`);
        await page.getByLabel('API token').fill('wrong');
        await page.getByRole('button', { name: 'Sign in' }).click();
        await page.getByRole('alert').getByText('not valid').waitFor();
        await page.getByLabel('API token').fill(server.token);
        await page.getByRole('button', { name: 'Sign in' }).click();
        await page.getByRole('heading', { name: 'Agents' }).waitFor();
        assert.equal(new URL(page.url()).pathname, '/agents');
    });

    it('take a token from the fragment and remove it from the address', async () => {
        await signIn(page, server);
        assert.ok(!page.url().includes('token'));
        await page.goBack().catch(() => undefined);
        assert.ok(!page.url().includes('token'));
    });

    it('sign out', async () => {
        await signIn(page, server);
        await page.getByRole('button', { name: /sign out/ }).click();
        await page.getByLabel('API token').waitFor();
        await page.getByRole('button', { name: /sign out/ }).waitFor({ state: 'detached' });
        await page.goto(server.url);
        await page.getByRole('button', { name: 'Sign in' }).waitFor();
        assert.equal(await page.getByRole('heading', { name: 'Projects' }).count(), 0);
    });

    it('ask little of the server while nothing happens', { skip: !onFake }, async () => {
        await signIn(page, server);
        await page.goto(`${server.url}/projects/hostile`);
        await page.getByText('fake admin').waitFor();
        await page.getByText('#1', { exact: true }).waitFor();
        const asked = [];
        page.on('request', (request) => asked.push(request.url()));
        await new Promise((resolve) => setTimeout(resolve, 3000));  // nothing to wait for: silence is the result
        assert.ok(asked.length <= 2, asked.join(' '));
    });

    it('lead from the projects to the test that failed', { skip: !onFake }, async () => {
        await signIn(page, server);
        await page.getByRole('link', { name: 'checkout-service' }).click();
        await page.getByText('red: may not merge').waitFor();
        await page.getByRole('link', { name: /Retry the payment once/ }).first().click();
        const wrong = page.getByRole('region', { name: 'What went wrong' });
        await wrong.getByText('test_retry_on_timeout', { exact: true }).waitFor();
        await wrong.getByText('tests/test_payment.py:88', { exact: true }).waitFor();
        await wrong.getByText('assert 2 == 1').first().waitFor();
        assert.match(await page.title(), /^failed: checkout-service #131/);
        assert.match(await page.locator('#favicon').getAttribute('href'), /icon-failed/);
    });

    it('show jobs as a graph; a click opens the job, its link can be shared', { skip: !onFake }, async () => {
        await signIn(page, server);
        await page.goto(`${server.url}/runs/131`);
        await page.getByRole('button', { name: /^passed 3\.9 / }).click();
        await page.getByRole('region', { name: 'Job test (3.9)' }).waitFor();
        const address = page.url();
        await page.goto(server.url);
        await page.goto(address);
        await page.getByRole('region', { name: 'Job test (3.9)' }).waitFor();
        await page.getByRole('button', { name: 'List' }).click();
        await page.getByText('then').first().waitFor();
    });

    it('filter and page through runs', { skip: !onFake }, async () => {
        await signIn(page, server);
        await page.goto(`${server.url}/projects/checkout-service`);
        await page.getByRole('link', { name: 'Older →' }).click();
        await page.getByText('#81', { exact: true }).waitFor();
        await page.getByLabel('Branch').fill('feature/basket-3');
        await page.getByLabel('Branch').press('Enter');
        await page.getByText('#4', { exact: true }).waitFor();
        assert.equal(await page.locator('a.run').count(), 1);
        await page.goBack();
        await page.getByText('#81', { exact: true }).waitFor();
    });

    it('name the mistake in the pipeline file', { skip: !onFake }, async () => {
        await signIn(page, server);
        await page.goto(`${server.url}/runs/134`);
        await page.getByText('.ci.yml:14:5').waitFor();
        await page.getByText('did you mean `parallel`?').waitFor();
    });

    it('show hostile text as text', { skip: !onFake }, async () => {
        await signIn(page, server);
        for (const path of ['/', '/projects/hostile', '/runs/135', '/jobs/117']) {
            await page.goto(server.url + path);
            await page.getByText('script>').first().waitFor();
        }
        await page.goto(`${server.url}/runs/135`);
        const heading = page.getByRole('heading', { level: 1 });
        await heading.getByText('<img src=x onerror=alert(1)>').waitFor();
        assert.equal(await heading.locator('.ctl').first().textContent(), 'U+202E');
        assert.equal(await page.locator('main img, main script, main b b').count(), 0);
    });

    it('show hostile text in commands as text', { skip: !onFake }, async () => {
        await signIn(page, server);
        await page.route('**/api/v1/jobs/104', async (route) => {
            const response = await route.fetch();
            await route.fulfill({ response, json: { ...await response.json(), key: 'test \u202e(3.11)' } });
        });
        await page.goto(`${server.url}/jobs/104`);
        const command = page.locator('code', { hasText: 'sluice shell' });
        await command.waitFor();
        assert.equal(await command.locator('.ctl').textContent(), 'U+202E');
    });

    it('keep a reason that was typed with its job', { skip: !onFake }, async () => {
        await signIn(page, server);
        const approval = { by: ['admin'], reason_required: true };
        await page.route('**/api/v1/runs/131', async (route) => {
            const response = await route.fetch();
            const detail = await response.json();
            const held = detail.jobs.slice(0, 2).map((job) => job.id);
            detail.jobs = detail.jobs.map((job) => held.includes(job.id) ? { ...job, state: 'held', approval } : job);
            await route.fulfill({ response, json: detail });
        });
        const { jobs } = await (await fetch(`${server.url}/api/v1/runs/131`, { headers: { Authorization: `Bearer ${server.token}` } })).json();
        await page.goto(`${server.url}/runs/131?job=${jobs[0].id}`);
        const panel = (job) => page.getByRole('region', { name: `Job ${job.key}`, exact: true });
        await panel(jobs[0]).getByLabel('Reason').fill('for the first one alone');
        await page.evaluate((job) => history.pushState(null, '', `?job=${job}`), jobs[1].id);
        await page.evaluate(() => dispatchEvent(new PopStateEvent('popstate')));
        await panel(jobs[1]).waitFor();
        assert.equal(await panel(jobs[1]).getByLabel('Reason').inputValue(), '');
        assert.ok(await panel(jobs[1]).getByRole('button', { name: 'Approve' }).isDisabled());
    });

    it('show the history of the environment that is opened', { skip: !onFake }, async () => {
        await signIn(page, server);
        const asked = [];
        page.on('request', (request) => request.url().includes('/deployments') && asked.push(new URL(request.url()).searchParams.get('environment')));
        await page.goto(`${server.url}/environments/checkout-service`);
        const staging = page.getByRole('region', { name: 'Environment staging' });
        await staging.getByText('History').waitFor();
        assert.deepEqual(asked, []);
        await staging.getByText('History').click();
        await staging.getByRole('list').getByRole('link').first().waitFor();
        assert.deepEqual([...new Set(asked)], ['staging']);
        assert.equal(await page.getByRole('region', { name: 'Environment production' }).getByRole('list').count(), 0);
    });

    it('retry a run and cancel it', { skip: !onFake }, async () => {
        await signIn(page, server);
        await page.goto(`${server.url}/runs/133`);
        await page.getByRole('button', { name: 'Run all again' }).click();
        await page.waitForURL((url) => url.pathname !== '/runs/133');
        await page.getByText('active', { exact: true }).first().waitFor();
        await page.getByRole('button', { name: 'Cancel run' }).click();
        await page.getByText('cancelled', { exact: true }).first().waitFor();
    });

    it('let an edit of the pipeline pass the gate', { skip: !onFake }, async () => {
        await signIn(page, { ...server, token: 'fake-read' });
        await page.goto(`${server.url}/gate/docs?branch=trunk`);
        await page.getByText('Waits for somebody who may write.').waitFor();
        assert.equal(await page.getByRole('button', { name: 'Approve this edit' }).count(), 0);
        await page.getByRole('button', { name: /sign out/ }).click();
        await page.getByLabel('API token').waitFor();
        await signIn(page, server);
        await page.goto(`${server.url}/gate/docs?branch=trunk`);
        await page.getByText('pending: not decided yet').waitFor();
        await page.getByText('required jobs that change:').waitFor();
        await page.getByRole('button', { name: 'Approve this edit' }).click();
        await page.getByText('Approved by fake admin').waitFor();
        await page.getByText('green: may merge').waitFor();
    });

    it('let a tab write that was opened after signing in elsewhere', { skip: !onFake }, async () => {
        await signIn(page, server);
        const other = await openPage(context);
        await other.goto(`${server.url}/agents`);
        await other.getByRole('button', { name: 'Drain' }).first().click();
        await other.getByText('draining').nth(1).waitFor();
        await other.getByRole('button', { name: 'Resume' }).first().click();
        assert.deepEqual(other.faults, []);
    });

    it('say how to get a shell where a failed job is kept', { skip: !onFake }, async () => {
        await signIn(page, server);
        await page.goto(`${server.url}/jobs/104`);
        await page.getByText("sluice shell '131/test (3.11)'").waitFor();
    });

    it('show one agent: its machine, its work, what its daemon has said', { skip: !onFake }, async () => {
        await signIn(page, server);
        await page.goto(`${server.url}/agents`);
        await page.getByRole('link', { name: 'gpu-01' }).click();
        await page.getByRole('heading', { name: 'gpu-01', level: 1 }).waitFor();
        const machine = page.getByRole('region', { name: 'Machine' });
        for (const text of ['6.1.0-18-amd64', '16 × Intel(R) Xeon(R) Gold 6338', '4.3.1', '0.1.0'])
            await machine.getByText(text, { exact: true }).waitFor();
        assert.equal(await machine.getByText('NVIDIA A100-SXM4-40GB').count(), 2);
        await page.getByRole('region', { name: 'Work' }).getByText('1 of 2 given').waitFor();
        // Text of a machine is text.
        await page.getByText('<b>connection refused</b>').waitFor();
        await page.getByRole('button', { name: 'Resume' }).click();
        await page.getByRole('button', { name: 'Pause' }).click();
        await page.getByText('paused').waitFor();
        await page.goto(`${server.url}/agents/99`);
        await page.getByRole('alert').getByText('no such agent').waitFor();
    });

    it('do not say that nothing is known before it was asked', { skip: !onFake }, async () => {
        await signIn(page, server);
        let answer;
        const held = new Promise((resolve) => (answer = resolve));
        await page.route('**/api/v1/agents/3/log', async (route) => {
            await held;
            await route.continue();
        });
        await page.goto(`${server.url}/agents/3`);
        const said = page.getByRole('region', { name: 'What it said lately' });
        await said.getByText('sluice agent logs').waitFor();
        assert.equal(await said.getByText('Nothing is known').count(), 0);
        answer();
        await said.getByText('Nothing is known').waitFor();
    });

    it('offer no changes to who may only read', { skip: !onFake }, async () => {
        await signIn(page, { ...server, token: 'fake-read' });
        await page.goto(`${server.url}/runs/131`);
        await page.getByRole('heading', { level: 1 }).waitFor();
        await page.getByText('fake read').waitFor();
        assert.equal(await page.getByRole('button', { name: /Retry|Run all|Cancel/ }).count(), 0);
    });

    it('follow changes without a reload', { skip: !onFake }, async () => {
        await signIn(page, server);
        await page.goto(`${server.url}/projects/hostile`);
        await page.getByText('#1', { exact: true }).waitFor();
        await fetch(`${server.url}/api/v1/projects/hostile/runs`, { method: 'POST', body: '{}', headers: { Authorization: `Bearer ${server.token}` } });
        await page.getByText('#2', { exact: true }).waitFor();
    });

    it('show when a schedule fires, what it skipped, and fire it', { skip: !onFake }, async () => {
        await signIn(page, server);
        await page.goto(`${server.url}/projects/ranking-model`);
        const schedules = page.getByRole('region', { name: 'Schedules' });
        await schedules.getByText('30 2 * * *, Europe/Berlin').waitFor();
        await schedules.getByText('in 4 h').or(schedules.getByText('in 5 h')).waitFor();
        await schedules.getByText('run #4 of the tick before was still active').waitFor();
        assert.equal(await schedules.getByText('gone').count(), 0);
        await schedules.getByRole('button', { name: 'Run nightly now' }).click();
        await page.waitForURL(/\/runs\/\d+/);
    });

    it('ask for the params of a run before it starts', { skip: !onFake }, async () => {
        await signIn(page, server);
        await page.goto(`${server.url}/projects/ranking-model`);
        await page.getByRole('button', { name: 'Run main now' }).click();
        const form = page.getByRole('form', { name: 'Params of the run' });
        await form.getByLabel('target').selectOption('production');
        await form.getByLabel('count').fill('11');
        await form.getByRole('button', { name: 'Start' }).click();
        assert.equal(await form.getByLabel('count').evaluate((field) => field.validity.rangeOverflow), true);
        await form.getByLabel('count').fill('7');
        await form.getByLabel('dry').uncheck();
        await form.getByLabel('note').fill("it's <b>$(id)</b>");
        const asked = page.waitForRequest((request) => request.method() === 'POST' && request.url().endsWith('/runs'));
        await form.getByRole('button', { name: 'Start' }).click();
        assert.deepEqual((await asked).postDataJSON(), {
            params: { target: 'production', count: '7', dry: 'false', note: "it's <b>$(id)</b>" },
        });
        await page.waitForURL(/\/runs\/\d+/);
    });

    it('say what is missing', { skip: !onFake }, async () => {
        await signIn(page, server);
        await page.goto(`${server.url}/runs/99999`);
        await page.getByRole('alert').getByText('There is no run 99999.').waitFor();
        await page.goto(`${server.url}/nowhere`);
        await page.getByRole('alert').getByText('There is no such page.').waitFor();
        await page.goto(`${server.url}/projects/new-project`);
        await page.getByText('git push origin main').waitFor();
    });

    it('keep the theme that was chosen', async () => {
        await signIn(page, server);
        const theme = () => page.evaluate(() => document.documentElement.dataset.theme ?? 'system');
        const button = page.getByRole('button', { name: /^Colours/ });
        await button.click();
        await button.click();
        assert.equal(await theme(), 'dark');
        await page.reload();
        await page.getByRole('heading', { name: 'Projects' }).waitFor();
        assert.equal(await theme(), 'dark');
    });

    it('work by keyboard', { skip: !onFake }, async () => {
        await signIn(page, server);
        await page.goto(`${server.url}/runs/131`);
        const job = page.getByRole('button', { name: /^failed 3\.11 / });
        await job.focus();
        await page.keyboard.press('Enter');
        await page.getByRole('region', { name: 'Job test (3.11)' }).waitFor();
        await page.getByRole('link', { name: /Open log/ }).focus();
        await page.keyboard.press('Enter');
        await page.getByRole('region', { name: 'Log lines' }).waitFor();
        await page.keyboard.press('/');
        await eventually('the search has the focus', () => page.evaluate(() => document.activeElement?.id === 'log-search'));
    });
});
