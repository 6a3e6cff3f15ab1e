// The pages on the real server with its embedded agent: SLUICE_BIN names the folder of the programs, built with
// SLUICE_WEB=ON. What other tests see of the fake server, this one sees of the real one.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { eventually, openPage, skip, startBrowser } from './harness.mjs';

const program = join(process.env.SLUICE_BIN ?? '', 'sluice-server');
const why = skip && !String(skip).includes('web/dist') ? skip : !process.env.SLUICE_BIN || !existsSync(program) ? 'SLUICE_BIN names no folder with sluice-server' : false;

const pipeline = `version: 1
on: { push: {}, manual: {} }
jobs:
  lint:
    run: echo clean
  test:
    needs: [lint]
    matrix: { part: [one, two] }
    run: |
      for i in $(seq 25); do printf "\\033[32mline\\033[0m $i <b>bold</b>\\n"; sleep 0.2; done
      echo "::error file=tests/sum.py,line=7::one is not two"
      mkdir -p out
      echo '<testsuite name="s"><testcase name="test_sum" classname="sums" file="tests/sum.py" line="7"><failure message="one is not two"/></testcase></testsuite>' > out/junit.xml
      exit 1
    reports: { junit: out/junit.xml }
  publish:
    needs: [test]
    run: echo never
`;

/** The pages may have been left out of this build. */
async function leftOut(url) {
    return (await (await fetch(url)).text()).includes('SLUICE_WEB=OFF');
}

describe('the pages of a real server', { skip: why, timeout: 900_000 }, () => {
    let folder;
    let server;
    let browser;
    const contexts = [];

    /** Starts the server on its data folder, on the port it had before. */
    async function start() {
        const child = spawn(program, ['--data', join(folder, 'data'), '--listen', '127.0.0.1:0', '--embedded-agent', '--local-root', folder], { stdio: ['ignore', 'pipe', 'pipe'] });
        let output = '';
        for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text));
        await eventually(`the server serves: ${output}`, () => /serves http/.test(output), 60_000);
        const url = /serves (http:\S+)/.exec(output)[1];
        const token = (await readFile(join(folder, 'data/admin-token'), 'utf8')).trim();
        return {
            url, token,
            async stop() {
                const ended = new Promise((resolve) => child.once('exit', resolve));
                child.kill();
                await ended;
            },
        };
    }
    const git = (...args) => execFileSync('git', ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.org', ...args], { cwd: join(folder, 'work') });

    before(async () => {
        folder = await mkdtemp(join(tmpdir(), 'sluice-ui-'));
        execFileSync('git', ['init', '-q', '--bare', '-b', 'main', join(folder, 'repo.git')]);
        execFileSync('git', ['init', '-q', '-b', 'main', join(folder, 'work')]);
        await writeFile(join(folder, 'work/.ci.yml'), pipeline);
        git('add', '.');
        git('commit', '-qm', 'Try <script>alert(1)</script> \u202ereversed');
        git('push', '-q', join(folder, 'repo.git'), 'main');
        server = await start();
        assert.ok(!(await leftOut(server.url)), 'the programs are built with SLUICE_WEB=OFF');
        const made = await fetch(`${server.url}/api/v1/projects`, {
            method: 'POST', headers: { Authorization: `Bearer ${server.token}`, 'Content-Type': 'application/json' },
            body: JSON.stringify({ name: 'demo', url: join(folder, 'repo.git') }),
        });
        assert.equal(made.status, 201, await made.text());
        browser = await startBrowser();
    });
    after(async () => {
        await browser?.stop();
        await server?.stop();
        if (folder) await rm(folder, { recursive: true, force: true });
    });

    afterEach(async () => {
        while (contexts.length > 0) await contexts.pop().close();
    });

    async function visitor() {
        const context = await browser.newContext();
        contexts.push(context);
        const page = await openPage(context);
        await page.goto(`${server.url}/#token=${server.token}`);
        await page.getByRole('heading', { name: 'Projects' }).waitFor();
        return page;
    }
    async function startRun(page) {
        await page.goto(`${server.url}/projects/demo`);
        await page.getByRole('button', { name: 'Run main now' }).click();
        await page.waitForURL(/\/runs\/\d+/);
    }

    it('show a run from its start to the test that failed', async () => {
        const page = await visitor();
        await startRun(page);
        await page.getByRole('heading', { name: /Try <script>alert\(1\)<\/script>/ }).waitFor();
        assert.equal(await page.locator('h1 .ctl').textContent(), 'U+202E');
        await page.getByRole('button', { name: /^running one / }).click();
        await page.getByRole('link', { name: 'Open log' }).click();
        // Live: lines arrive one by one, none twice, none lost.
        await page.locator('.line', { hasText: 'line 3 <b>bold</b>' }).waitFor();
        await page.getByText('failed', { exact: true }).first().waitFor();
        await page.locator('.line.error').getByText('one is not two').waitFor();
        const text = await page.getByRole('region', { name: 'Log lines' }).innerText();
        const seen = [...text.matchAll(/line (\d+) <b>/g)].map((match) => Number(match[1]));
        assert.deepEqual(seen, Array.from({ length: 25 }, (_, i) => i + 1).slice(-seen.length));
        await page.getByText('tests/sum.py:7', { exact: true }).first().waitFor();
        await page.getByRole('link', { name: /^run \d+/ }).click();
        await page.getByRole('button', { name: /^blocked publish/ }).waitFor();
        await eventually('the title tells', async () => /^failed: demo #/.test(await page.title()), 30_000);
        await page.goto(`${server.url}/projects/demo`);
        await page.getByText('red: may not merge').waitFor();
        assert.deepEqual(page.faults, []);
    });

    it('cancel and retry', async () => {
        const page = await visitor();
        await startRun(page);
        await page.getByRole('button', { name: /^running one / }).waitFor();
        await page.getByRole('button', { name: 'Cancel run' }).click();
        await page.locator('header').getByText('cancelled', { exact: true }).waitFor();
        await page.getByRole('button', { name: 'Retry what failed' }).click();
        await page.getByText('reused').waitFor();
        await page.getByRole('button', { name: 'Cancel run' }).click();
        await page.locator('header').getByText('cancelled', { exact: true }).waitFor();
        assert.deepEqual(page.faults, []);
    });

    it('let a person into the place of a failed job', async () => {
        const call = async (method, path, body, token = server.token) => {
            const reply = await fetch(`${server.url}/api/v1/${path}`, {
                method, headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
                ...(body ? { body: JSON.stringify(body) } : {}),
            });
            assert.ok(reply.ok, `${method} ${path}: ${reply.status}`);
            return reply.status === 204 ? undefined : reply.json();
        };
        const failed = (id) => eventually('the run has failed', async () => (await call('GET', `runs/${id}`)).run.state === 'failed', 60_000);
        const first = await call('POST', 'projects/demo/runs', { branch: 'main' });
        await failed(first.id);
        const again = await call('POST', `runs/${first.id}/retry?keep=10m`);
        await failed(again.id);
        const { jobs } = await call('GET', `runs/${again.id}`);
        const job = jobs.find((one) => one.base === 'test').id;
        const { token } = await call('POST', 'tokens', { name: 'eve', role: 'write' });
        const page = await visitor();
        await page.goto(`${server.url}/jobs/${job}`);
        await page.getByText('Its place is kept until').waitFor();
        for (const [button, state] of [['Refuse', 'ended'], ['Let in', 'open']]) {
            const shell = await call('POST', `jobs/${job}/shells`, { columns: 80, rows: 24 }, token);
            assert.equal(shell.state, 'requested');
            await page.getByText('eve asked for a shell here').waitFor();
            await page.getByRole('button', { name: button }).click();
            await eventually(`the shell is ${state}`, async () => (await call('GET', `shells/${shell.id}`)).state === state, 30_000);
            await page.getByText('eve asked for a shell here').waitFor({ state: 'detached' });
        }
        await page.getByText('eve has a shell here').waitFor();
        await call('DELETE', `jobs/${job}/kept`);
        assert.deepEqual(page.faults, []);
    });

    it('drain and resume an agent', async () => {
        const page = await visitor();
        await page.getByRole('link', { name: 'Agents' }).click();
        await page.getByRole('button', { name: 'Drain' }).click();
        await page.getByText('draining').waitFor();
        await page.getByRole('button', { name: 'Resume' }).click();
        await page.getByText('online').waitFor();
        assert.deepEqual(page.faults, []);
    });

    it('outlive a restart of the server', async () => {
        const page = await visitor();
        await startRun(page);
        await page.getByRole('button', { name: /^running one / }).click();
        await page.getByRole('link', { name: 'Open log' }).click();
        await page.locator('.line', { hasText: 'line 3 ' }).waitFor();
        const { url } = server;
        await server.stop();
        server = await start();
        assert.equal(server.url, url);
        await page.locator('.line.error').getByText('one is not two').waitFor();
        const text = await page.getByRole('region', { name: 'Log lines' }).innerText();
        const seen = [...text.matchAll(/line (\d+) <b>/g)].map((match) => Number(match[1]));
        assert.deepEqual(seen, Array.from({ length: 25 }, (_, i) => i + 1).slice(-seen.length));
        assert.deepEqual(page.faults, []);
    });
});
