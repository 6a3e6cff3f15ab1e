// Starts what a UI test needs: Debian's chromium, and a server. SLUICE_URL and SLUICE_TOKEN name a real
// one; without them the tests run against web/dev/fake-server.mjs, which serves web/dist.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach } from 'node:test';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const root = fileURLToPath(new URL('../..', import.meta.url));
const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
const flags = [
    '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync',
];

export const onFake = !process.env.SLUICE_URL;

/** A reason to skip, or false. */
export const skip =
    !existsSync(executablePath) ? `no browser at ${executablePath}`
        : onFake && !existsSync(join(root, 'web/dist/index.html')) ? 'web/dist is not built (npm run build)' : false;

/** The server under test: `{url, token, stop()}`. */
export async function startServer(args = []) {
    if (!onFake) return { url: process.env.SLUICE_URL, token: process.env.SLUICE_TOKEN, stop() {} };
    const child = spawn(process.execPath, [join(root, 'web/dev/fake-server.mjs'), '--port', '0', ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    const url = await new Promise((resolve, reject) => {
        child.stdout.once('data', (text) => resolve(String(text).trim()));
        child.once('exit', (code) => reject(new Error(`the fake server ended with ${code}`)));
    });
    return { url, token: 'fake-admin', stop: () => child.kill() };
}

/** A browser with a fresh profile; `newContext(options)` gives a visitor without cookies. */
export async function startBrowser() {
    const browser = await chromium.launch({ executablePath, headless: true, args: flags });
    return {
        async newContext(options = {}) {
            const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, ...options });
            context.setDefaultTimeout(120_000);
            return context;
        },
        stop: () => browser.close(),
    };
}

/**
 * A page that collects what must never happen: violations of the content security policy, errors in
 * scripts, dialogs. `page.faults` is checked by every test.
 */
export async function openPage(context) {
    const page = await context.newPage();
    page.faults = [];
    page.on('pageerror', (error) => page.faults.push(`script error: ${error.message}`));
    page.on('dialog', (dialog) => {
        page.faults.push(`dialog: ${dialog.message()}`);
        void dialog.dismiss();
    });
    page.on('console', (message) => {
        const text = message.text();
        if (/Content Security Policy|Refused to/.test(text)) page.faults.push(text);
    });
    await page.addInitScript(() => {
        document.addEventListener('securitypolicyviolation', (event) => {
            console.error(`Content Security Policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
        });
    });
    return page;
}

export async function signIn(page, server) {
    await page.goto(`${server.url}/#token=${encodeURIComponent(server.token)}`);
    await page.getByRole('heading', { name: 'Projects' }).waitFor();
}

/**
 * Registers what the cases of a describe() share: one server and one browser, and for each case a page of a visitor of its
 * own, without faults at the end. `take` gets `{server, browser, context, page}` as they come. `args` are the fake server's.
 */
export function eachOnAPage(take, { args = [], signedIn = true } = {}) {
    const parts = {};
    before(async () => {
        parts.server = await startServer(args);
        parts.browser = await startBrowser();
    });
    after(async () => {
        await parts.browser?.stop();
        parts.server?.stop();
    });
    beforeEach(async () => {
        parts.context = await parts.browser.newContext();
        parts.page = await openPage(parts.context);
        take(parts);
        if (signedIn) await signIn(parts.page, parts.server);
    });
    afterEach(async () => {
        await parts.context.close();
        assert.deepEqual(parts.page.faults, []);
    });
}

/** Waits until `condition()` is true in this process; fails with `what` at the deadline. */
export async function eventually(what, condition, ms = 30_000) {
    const end = Date.now() + ms;
    while (Date.now() < end) {
        if (await condition()) return;
        await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`did not happen within ${ms} ms: ${what}`);
}
