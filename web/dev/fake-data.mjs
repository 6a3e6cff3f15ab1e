// Invented objects for the fake server: one of each thing that the UI must show well.

const minute = 60_000;
const ago = (ms) => new Date(Date.now() - ms).toISOString().replace(/\.\d+Z$/, 'Z');
const sha = (seed) => Array.from({ length: 40 }, (_, i) => ((seed * 7919 + i * i * 31 + i * seed) % 16).toString(16)).join('');

export const projects = [
    { id: 1, name: 'checkout-service', url: 'https://git.example.org/shop/checkout-service.git', default_branch: 'main', created_at: ago(900 * minute) },
    { id: 2, name: 'ranking-model', url: 'https://git.example.org/ml/ranking-model.git', default_branch: 'main', created_at: ago(800 * minute) },
    { id: 3, name: 'docs', url: '/srv/git/docs.git', default_branch: 'trunk', created_at: ago(700 * minute) },
    { id: 4, name: 'hostile', url: 'https://git.example.org/x/hostile.git', default_branch: 'main', created_at: ago(600 * minute) },
    { id: 5, name: 'new-project', url: 'https://git.example.org/x/new-project.git', default_branch: 'main', created_at: ago(5 * minute) },
];

let nextRun = 0;
const numbers = new Map();
function run(project, state, minutesAgo, more = {}) {
    nextRun += 1;
    numbers.set(project, (numbers.get(project) ?? 0) + 1);
    const length = more.duration_ms ?? 194_000;
    const over = state !== 'active';
    return {
        id: nextRun, number: numbers.get(project), project, project_id: projects.find((p) => p.name === project).id,
        event: 'push', branch: 'main', tag: '', sha: sha(nextRun), message: 'Retry the payment once on a gateway timeout',
        author: 'Ada Novak', actor: 'ada', pr_number: null, state, reason: '', retry_of: null,
        created_at: ago(minutesAgo * minute), finished_at: over ? ago(minutesAgo * minute - length) : null,
        duration_ms: over ? length : null, jobs_total: 0, jobs_done: 0, tier: 'T3', ...more,
    };
}

let nextJob = 100;
function job(r, base, state, more = {}) {
    nextJob += 1;
    const started = !['waiting', 'held', 'ready', 'not_selected', 'blocked'].includes(state);
    const over = started && state !== 'running';
    return {
        id: nextJob, run_id: r.id, key: base, base, name: base, kind: 'test', state, wait_reason: '', cause: 'none', message: '',
        exit_code: over && state === 'passed' ? 0 : null, allow_failure: false, approval: null, environment: null, needs: [], matrix: {}, shard: null, attempt: started ? 1 : 0,
        agent: started ? 'build-03' : '', created_at: r.created_at, started_at: started ? r.created_at : null,
        finished_at: over ? new Date(Date.parse(r.created_at) + 42_000).toISOString() : null,
        duration_ms: over ? 42_000 : null, log_size: 0, steps: [], reports: {}, outputs: {}, carried_from: null, ...more,
    };
}

const step = (name, state, more = {}) => ({ name, state, exit_code: state === 'passed' ? 0 : null, log_begin: 0, log_end: 0, duration_ms: 3200, ...more });

export const runs = [];
export const jobs = [];
export const logs = new Map();          // job id → Buffer
export const diagnostics = new Map();   // run id → Diagnostic[]

/** Text of steps → log and step offsets. */
export function writeLog(target, parts) {
    let text = Buffer.alloc(0);
    target.steps = parts.map(([name, state, body, more = {}]) => {
        const bytes = Buffer.from(body);
        const made = step(name, state, { log_begin: text.length, log_end: text.length + bytes.length, ...more });
        text = Buffer.concat([text, bytes]);
        return made;
    });
    target.log_size = text.length;
    logs.set(target.id, text);
}

for (let i = 0; i < 130; i += 1) {
    const state = ['passed', 'passed', 'failed', 'passed', 'warned', 'cancelled'][i % 6];
    runs.push(run('checkout-service', state, 3000 - i * 20, {
        branch: i % 4 === 3 ? `feature/basket-${i}` : 'main', event: i % 4 === 3 ? 'pull_request' : 'push', pr_number: i % 4 === 3 ? 200 + i : null,
        message: ['Round totals half to even', 'Drop the old currency table', 'Speed up basket lookups with one query', 'Log the gateway reply code'][i % 4],
        author: ['Ada Novak', 'Jun Mori', 'Lena Sørensen'][i % 3], jobs_total: 6, jobs_done: 6,
    }));
}

// A failed run: lint and unit tests in a matrix, one cell red.
const failed = run('checkout-service', 'failed', 34, {
    message: 'Retry the payment once on a gateway timeout\n\nThe gateway answers 504 in one of 20,000 calls.\nSee the incident report.', author: 'Jun Mori', actor: 'jun',
});
runs.push(failed);
const lint = job(failed, 'lint', 'passed', { kind: 'lint' });
const cells = ['3.9', '3.10', '3.11', '3.12'].map((python) => job(failed, 'test', python === '3.11' ? 'failed' : 'passed', {
    key: `test (${python})`, matrix: { python }, needs: ['lint'],
    ...(python === '3.11' ? { cause: 'script', exit_code: 1, message: '2 tests failed' } : {}),
}));
const image = job(failed, 'image', 'blocked', { kind: 'image', needs: ['test', 'lint'], message: 'a need went wrong: test (3.11)' });
const push = job(failed, 'push', 'blocked', { kind: 'image', needs: ['image'], message: 'a need went wrong: image' });
const docs = job(failed, 'docs', 'not_selected', { needs: [], message: 'no change matches docs/**' });
const audit = job(failed, 'audit', 'warned', { kind: 'lint', needs: ['lint'], allow_failure: true, cause: 'script', exit_code: 3, message: 'pip-audit: 1 known vulnerability' });
jobs.push(lint, ...cells, image, push, docs, audit);
lint.outputs = { tag: 'v1.4.0-rc1', clean: true, warnings: 3, shards: ['unit', 'contract'] };
const red = cells[2];
red.reports = {
    tests: {
        total: 412, passed: 408, failed: 2, errored: 0, skipped: 2, duration_ms: 38_400, truncated: false,
        failures: [
            { suite: 'tests.test_payment', name: 'test_retry_on_timeout', state: 'failed', duration_ms: 120, file: 'tests/test_payment.py', line: 88,
              message: "AssertionError: assert 2 == 1\n +  where 2 = <FakeGateway>.calls", detail: "def test_retry_on_timeout(gateway):\n        gateway.fail_once(504)\n        pay(gateway, amount=10)\n>       assert gateway.calls == 1\nE       AssertionError: assert 2 == 1\n\ntests/test_payment.py:88: AssertionError" },
            { suite: 'tests.test_basket', name: 'test_total_rounds_half_to_even[EUR-0.125]', state: 'failed', duration_ms: 3, file: 'tests/test_basket.py', line: 31,
              message: '\u001b[31mDecimal\u001b[0m("0.13") != Decimal("0.12")', detail: '' },
        ],
    },
};
const dots = Array.from({ length: 60 }, (_, i) => `tests/test_module_${i}.py \x1b[32m${'.'.repeat(6 + (i % 20))}\x1b[0m [${String(Math.round((i + 1) / 0.6)).padStart(3)}%]`).join('\n');
writeLog(red, [
    ['Fetch the source', 'passed', `Fetching ${failed.sha.slice(0, 9)} of refs/heads/main\n  412 objects, 1.9 MiB in 0.3 s\nHEAD is now at ${failed.sha.slice(0, 9)}\n`],
    ['python -m pip install -r requirements.txt', 'passed', `::group::Resolving\n${Array.from({ length: 14 }, (_, i) => `Collecting package-${i} (from -r requirements.txt)`).join('\n')}\n::endgroup::\nDownloading  10%\rDownloading  55%\rDownloading 100%\n\x1b[1;32mSuccessfully installed\x1b[0m 14 packages\n`, { duration_ms: 11_300 }],
    ['pytest -q', 'failed', `\x1b[1m============================= test session starts ==============================\x1b[0m\nplatform linux -- Python 3.11.2, pytest-8.3.1\ncollected 412 items\n\n${dots}\n\n=================================== FAILURES ===================================\n\x1b[31m\x1b[1m____________________________ test_retry_on_timeout _____________________________\x1b[0m\n\n    \x1b[94mdef\x1b[39;49;00m \x1b[92mtest_retry_on_timeout\x1b[39;49;00m(gateway):\n        gateway.fail_once(504)\n        pay(gateway, amount=10)\n>       \x1b[94massert\x1b[39;49;00m gateway.calls == 1\n\x1b[1m\x1b[31mE       AssertionError: assert 2 == 1\x1b[0m\n\n\x1b[1m\x1b[31mtests/test_payment.py\x1b[0m:88: AssertionError\n::error file=tests/test_payment.py,line=88::test_retry_on_timeout: assert 2 == 1\n::warning file=src/gateway.py,line=12::deprecated call of urlopen\n\x1b[38;5;208m256 colours\x1b[0m \x1b[48;2;40;90;160m\x1b[38;2;255;255;255m true colour \x1b[0m \x1b[7minverse\x1b[0m \x1b[4munderlined\x1b[0m\n=========================== \x1b[31m2 failed\x1b[0m, 408 passed, 2 skipped in 38.40s ============================\n`, { exit_code: 1, duration_ms: 38_900 }],
    ['Upload reports', 'passed', 'junit.xml: 412 tests\n', { duration_ms: 210 }],
]);
for (const other of [lint, ...cells.filter((c) => c !== red), audit]) {
    writeLog(other, [['Fetch the source', 'passed', 'Fetching\n'], ['run', other.state === 'passed' ? 'passed' : 'failed', 'All checks passed!\n']]);
}

// An active run with a job whose log grows.
const active = run('ranking-model', 'active', 2, { message: 'Train with the click features of October', branch: 'clicks-october', event: 'pull_request', pr_number: 58, author: 'Lena Sørensen', actor: 'lena' });
runs.push(active);
export const liveJob = job(active, 'train', 'running', { kind: 'train', needs: ['prepare'], agent: 'gpu-01' });
const prepare = job(active, 'prepare', 'passed', { kind: 'command' });
jobs.push(
    prepare, liveJob,
    job(active, 'evaluate', 'waiting', { kind: 'eval', needs: ['train'], wait_reason: 'waits for train' }),
    job(active, 'bias-check', 'ready', { needs: ['prepare'], wait_reason: 'no agent with the labels gpu=a100, large is online; 2 others are busy' }),
    job(active, 'publish', 'held', { kind: 'register', needs: ['evaluate', 'bias-check'], wait_reason: 'waits for an approval by the role ml-oncall' }),
);
writeLog(prepare, [['Fetch the source', 'passed', 'Fetching\n'], ['make features', 'passed', 'rows 1,204,332\n']]);
liveJob.steps = [step('Fetch the source', 'passed', { log_end: 9 }), step('python train.py', 'running', { log_begin: 9, log_end: 0 }), step('Upload the model', 'pending')];
logs.set(liveJob.id, Buffer.from('Fetching\n'));
liveJob.log_size = 9;

// Passed, and one whose pipeline file is wrong.
const fine = run('docs', 'passed', 300, { branch: 'trunk', message: 'Describe retries', duration_ms: 31_000 });
runs.push(fine);
const site = job(fine, 'site', 'passed', { kind: 'command' });
writeLog(site, [['mkdocs build', 'passed', 'Built 41 pages\n']]);
jobs.push(site);
export const wrong = run('docs', 'errored', 20, { branch: 'trunk', message: 'Build the pages in parallel', reason: '.ci.yml has 2 errors', duration_ms: 90 });
runs.push(wrong);
diagnostics.set(wrong.id, [
    { severity: 'error', id: 'unknown_key', file: '.ci.yml', line: 14, column: 5, message: 'unknown key `parallell` in job `site`', hint: 'did you mean `parallel`?', text: '' },
    { severity: 'error', id: 'unknown_need', file: '.ci.yml', line: 22, column: 13, message: 'job `deploy` needs `sites`, which no file defines', hint: 'did you mean `site`?', text: '' },
    { severity: 'warning', id: 'no_timeout', file: '.ci.yml', line: 9, column: 3, message: 'job `site` has no timeout: 1 h is used', hint: '', text: '' },
]);

// Hostile text, and a very long log.
const evil = run('hostile', 'failed', 60, {
    branch: '<script>alert(1)</script>', author: 'Mallory \u202eyrollaM', message: '<img src=x onerror=alert(1)> \u202egpj.exe \u2066x',
});
runs.push(evil);
export const bigJob = job(evil, 'big', 'passed', { kind: 'command', name: '100 MB of log' });
const trick = job(evil, 'tricks', 'failed', { key: 'tricks (<b>x</b>)', matrix: { os: '<b>x</b>' }, cause: 'oom', exit_code: 137, message: 'killed: 2.0 GiB of 2.0 GiB used <script>', attempt: 2 });
writeLog(trick, [['echo "<b>bold?</b>"', 'failed', '<script>alert("log")</script>\n\x1b]0;title\x07OSC 0 is gone\n\x1b]8;;https://evil.example/\x07a link is text\x1b]8;;\x07\n\x1bP+q544e\x1b\\DCS is gone\n\x1b[2J\x1b[Hno cursor movement\nbidi \u202egnirts\u202c end\nnul \0 bell \x07 back\x08space\n\x1b]0;unterminated\nthis line is still here\n' + 'x'.repeat(20_000) + '\nafter the long line\n']]);
const wide = Array.from({ length: 12 }, (_, i) => job(evil, 'wide', i === 7 ? 'errored' : i > 8 ? 'cancelled' : 'passed', { key: `wide (${i})`, matrix: { shard: String(i) }, needs: ['big'], ...(i === 7 ? { cause: 'agent_lost', message: 'agent build-07 was not heard of for 60 s' } : {}) }));
jobs.push(bigJob, trick, ...wide);
for (const other of wide) writeLog(other, [['run', 'passed', 'ok\n']]);

// 100 MB without holding them: every line has 100 bytes, so any range can be made on demand.
export const bigLineBytes = 100;
export const bigLines = 1_000_000;
bigJob.log_size = bigLineBytes * bigLines;
bigJob.steps = [step('yes | head -1000000', 'passed', { log_begin: 0, log_end: bigJob.log_size, duration_ms: 61_000 })];
export function bigRange(from, to) {
    const first = Math.floor(from / bigLineBytes);
    const text = [];
    for (let line = first; line * bigLineBytes < to; line += 1) {
        text.push(`line ${String(line + 1).padStart(8)} ${line % 50_000 === 49_999 ? 'needle ' : 'hay    '}`.padEnd(bigLineBytes - 1, '.') + '\n');
    }
    return Buffer.from(text.join('')).subarray(from - first * bigLineBytes, to - first * bigLineBytes);
}

jobs.find((one) => one.id === 104).kept_until = new Date(Date.now() + 3_000_000).toISOString();

const GiB = 2 ** 30;
const machine = (gpus, cpu) => ({
    facts: {
        os: 'Debian GNU/Linux 12 (bookworm)', kernel: '6.1.0-18-amd64', cpu, cpus: 16, memory: 64 * GiB, disk: 900 * GiB, disk_free: 412 * GiB,
        versions: { git: '2.39.5', podman: '4.3.1', bwrap: '0.8.0', python3: '3.11.2' },
    },
    resources: { cpu_millis: 16000, memory: 62 * GiB, disk: 400 * GiB, gpus },
    reserved: { cpu_millis: gpus.length > 0 ? 4000 : 0, memory: gpus.length > 0 ? 24 * GiB : 0, disk: 0, gpus: gpus.slice(0, 1).map((gpu) => gpu.uuid) },
});
const a100 = (n) => ({ uuid: `GPU-5d1c9a0e-77b2-4c0f-9f5a-00000000000${n}`, index: n, model: 'NVIDIA A100-SXM4-40GB', memory: 40 * GiB, healthy: true });

export const agentLines = [
    '2026-11-30T06:00:00.000Z info daemon: agent ready name="gpu-01" server=https://ci.example.com capacity=2',
    '2026-11-30T06:02:10.412Z info daemon: job claimed attempt=41 run=132 job="train"',
    '2026-11-30T06:04:55.090Z warning daemon: server does not answer error=connect_failed message="<b>connection refused</b>"',
    '2026-11-30T06:05:01.777Z info daemon: server reached again',
];

export const agents = [
    { id: 1, name: 'build-03', state: 'online', labels: ['linux', 'arch=x86_64', 'executor=container'], capacity: 4, running: [], os: 'linux', arch: 'x86_64', host: 'build-03.internal', build: '0.1.0', last_seen_at: ago(2000), created_at: ago(9e8), ...machine([], 'AMD EPYC 7543 32-Core Processor') },
    { id: 2, name: 'gpu-01', state: 'draining', labels: ['linux', 'gpu=a100'], capacity: 2, running: [liveJob.id], os: 'linux', arch: 'x86_64', host: 'gpu-01.internal', build: '0.1.0', last_seen_at: ago(1000), created_at: ago(9e8), ...machine([a100(0), a100(1)], 'Intel(R) Xeon(R) Gold 6338') },
    { id: 3, name: 'build-07', state: 'offline', labels: ['linux'], capacity: 4, running: [], os: 'linux', arch: 'aarch64', host: 'build-07.internal', build: '0.1.0', last_seen_at: ago(3 * 3_600_000), created_at: ago(9e8), facts: {}, resources: null, reserved: { cpu_millis: 0, memory: 0, disk: 0, gpus: [] } },
];

export function countJobs() {
    const over = new Set(['passed', 'warned', 'failed', 'errored', 'cancelled', 'not_selected', 'blocked']);
    for (const r of runs) {
        const mine = jobs.filter((j) => j.run_id === r.id);
        if (mine.length === 0) continue;
        r.jobs_total = mine.length;
        r.jobs_done = mine.filter((j) => over.has(j.state)).length;
    }
}
countJobs();

export const params = {
    'ranking-model': [
        { name: 'target', type: 'choice', default: 'staging', options: ['staging', 'production'], min: null, max: null, pattern: '', help: 'where to deploy to' },
        { name: 'count', type: 'number', default: '2', options: [], min: 1, max: 10, pattern: '', help: '' },
        { name: 'dry', type: 'boolean', default: 'true', options: [], min: null, max: null, pattern: '', help: '' },
        { name: 'note', type: 'string', default: '', options: [], min: null, max: null, pattern: '', help: '' },
    ],
};
export const schedules = {
    'ranking-model': [
        {
            id: 1, name: 'nightly', cron: '30 2 * * *', timezone: 'Europe/Berlin', branch: '', catchup: 'last', overlap: 'skip', params: {}, active: true,
            next_at: ago(-5 * 3_600_000), problem: '', last_run: null,
            ticks: [{ at: ago(19 * 3_600_000), date: '2026-05-09', time: '02:30', state: 'skipped', reason: 'run #4 of the tick before was still active', run_id: null }],
        },
        {
            id: 2, name: 'gone', cron: '@daily', timezone: 'UTC', branch: '', catchup: 'none', overlap: 'skip', params: {}, active: false,
            next_at: null, problem: 'the default branch does not have it any more', last_run: null, ticks: [],
        },
    ],
};
