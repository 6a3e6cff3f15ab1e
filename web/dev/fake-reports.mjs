// Invented reports for the fake server: failing, flaky and slow tests, 100,000 of them for one job, findings old and
// new, coverage, and the history of a branch.
import { jobs, runs } from './fake-data.mjs';

const red = jobs.find((job) => job.key === 'test (3.11)');
const many = jobs.find((job) => job.key === 'test (3.9)');
const shard = jobs.find((job) => job.key === 'test (3.12)');
const lint = jobs.find((job) => job.key === 'lint');
const of = runs.find((run) => run.id === red.run_id);
const base = runs.filter((run) => run.project === of.project && run.branch === 'main' && run.id < of.id).at(-1);

/** The same numbers at every start. */
function random(seed) {
    let state = seed;
    return () => (state = (state * 16807) % 2147483647) / 2147483647;
}

const modules = ['payment', 'basket', 'gateway', 'currency', 'invoice', 'session', 'search', 'stock'];
function testsOf(count, seed) {
    const dice = random(seed);
    return Array.from({ length: count }, (_, i) => {
        const module = modules[i % modules.length];
        const ms = Math.round(3 + 40 * dice() ** 6 * 100);
        const test = {
            suite: `tests.test_${module}`, name: `test_${module}_case_${String(i).padStart(5, '0')}`, state: dice() < 0.004 ? 'skipped' : 'passed',
            duration_ms: ms, file: `tests/test_${module}.py`, line: 0, base_state: 'passed', base_ms: dice() < 0.01 ? Math.round(ms / 3) : ms, new_failure: false,
        };
        if (dice() < 0.01) delete test.base_state, delete test.base_ms;
        return test;
    });
}

const few = testsOf(409, 7);
few.splice(40, 0,
    { ...red.reports.tests.failures[0], base_state: 'passed', base_ms: 115, new_failure: true },
    { ...red.reports.tests.failures[1], base_state: 'failed', base_ms: 3, new_failure: false });
few.splice(80, 0, {
    suite: 'tests.test_gateway', name: 'test_reconnects_after_reset', state: 'passed', flaky: true, attempts: 2, duration_ms: 2100, base_state: 'passed', base_ms: 900,
    file: 'tests/test_gateway.py', line: 140, message: 'ConnectionResetError: [Errno 104] Connection reset by peer', detail: '', new_failure: false,
});
const tests = new Map([[red.id, few], [many.id, testsOf(100_000, 3)], [shard.id, testsOf(137, 5)]]);

const slower = (test) => test.base_ms !== undefined && test.state === 'passed' && test.duration_ms >= 1.5 * test.base_ms && test.duration_ms - test.base_ms >= 100;
const bad = (test) => test.state === 'failed' || test.state === 'errored';
function summary(list) {
    const count = (what) => list.filter(what).length;
    return {
        total: list.length, passed: count((t) => t.state === 'passed'), failed: count((t) => t.state === 'failed'), errored: 0,
        skipped: count((t) => t.state === 'skipped'), flaky: count((t) => t.flaky), truncated: false,
        duration_ms: list.reduce((sum, t) => sum + t.duration_ms, 0), failures: list.filter(bad), flaky_cases: list.filter((t) => t.flaky),
    };
}

const findings = [];
{
    const dice = random(11);
    const rules = [['ruff', 'F401', 'error', '`os` imported but unused'], ['ruff', 'E501', 'warning', 'line too long (131 > 100)'], ['ruff', 'D103', 'note', 'missing docstring in public function'], ['mypy', 'arg-type', 'error', 'Argument 1 to "pay" has incompatible type "str"; expected "Decimal"'], ['shellcheck', 'SC2086', 'note', 'Double quote to prevent globbing and word splitting.']];
    for (let file = 0; file < 24; file += 1) {
        const name = file % 6 === 5 ? `scripts/deploy-${file}.sh` : `src/${modules[file % modules.length]}/module_${file}.py`;
        for (let i = 0; i < 1 + (file * 7) % 9; i += 1) {
            const [tool, rule, severity, message] = rules[file % 6 === 5 ? 4 : Math.floor(dice() * 4)];
            const fresh = dice() < 0.05;
            findings.push({ tool, rule, severity, message, file: name, line: 4 + i * 13, column: 1 + (i * 5) % 30, is_new: fresh,
                ...(rule === 'F401' ? { fixes: [{ file: name, line: 4 + i * 13, column: 1, end_line: 5 + i * 13, end_column: 1, text: '' }] } : {}) });
        }
    }
    findings.push({ tool: 'ruff', rule: 'B006', severity: 'error', message: 'Do not use mutable data structures for argument defaults', file: 'src/payment/retry.py', line: 12, column: 31, is_new: true });
    findings.push({ tool: 'ruff', rule: 'F841', severity: 'warning', message: 'Local variable `reply` is assigned to but never used', file: 'src/gateway/client.py', line: 77, column: 9, is_new: false, fixed: true });
}
const present = findings.filter((f) => !f.fixed);

const coverage = modules.flatMap((module, m) => Array.from({ length: 9 }, (_, i) => {
    const lines = 40 + ((m * 31 + i * 17) % 220);
    const share = [1, 0.98, 0.93, 0.81, 0.4, 0.99, 0.88, 0, 0.97][(m + i) % 9];
    const covered = Math.round(lines * share);
    const changed = i === 0 && m < 3 ? 12 : 0;
    return {
        file: `src/${module}/module_${i}.py`, lines, covered, uncovered: covered === lines ? '' : covered === 0 ? `1-${lines}` : `${covered - 3}-${covered + 1}, ${covered + 4}, ${covered + 9}-${lines + 6}`,
        changed_lines: changed, changed_covered: changed ? 12 - m * 4 : 0, changed_uncovered: changed && m > 0 ? `${covered + 9}-${covered + 8 + m * 4}` : '',
    };
}));
const lines = coverage.reduce((sum, file) => sum + file.lines, 0);
const covered = coverage.reduce((sum, file) => sum + file.covered, 0);

red.reports = {
    tests: summary(few),
    coverage: { lines, lines_covered: covered, branches: 900, branches_covered: 611, files: coverage.length, changed_lines: 36, changed_covered: 24 },
    metrics: { 'bundle.bytes': 1_204_332, 'p95_ms': 41.5 },
    thresholds: [
        { metric: 'coverage.changed', verdict: 'failed', value: 66.7, base: null, text: 'coverage.changed is 66.7%, the minimum is 80%' },
        { metric: 'p95_ms', verdict: 'passed', value: 41.5, base: 40.9, text: 'p95_ms rose by 1.5%, at most 10%' },
    ],
};
many.reports = { tests: summary(tests.get(many.id)) };
shard.shard = { of: 'test (3.12)', index: 1, count: 3 };
shard.reports = { tests: summary(tests.get(shard.id).slice(0, 46)) };
lint.reports = {
    findings: {
        total: present.length, errors: present.filter((f) => f.severity === 'error').length, warnings: present.filter((f) => f.severity === 'warning').length,
        notes: present.filter((f) => f.severity === 'note').length, added: present.filter((f) => f.is_new).length, fixed: 1, truncated: false,
        compared: `compared with run ${base.number} of main (${base.sha.slice(0, 7)})`, by_tool: { ruff: 61, mypy: 14, shellcheck: 12 }, annotations: present.slice(0, 50),
    },
};

const window = (list, query) => {
    const offset = Number(query.get('offset') ?? 0);
    const limit = Number(query.get('limit') ?? 500);
    return { items: list.slice(offset, offset + limit), total: list.length, next: offset + limit < list.length ? offset + limit : null };
};
const holds = (texts, needle) => !needle || texts.some((text) => (text ?? '').toLowerCase().includes(needle));

export const reportsOf = (job, query) => (query.get('shards') === 'all' && job === shard ? { tests: summary(tests.get(shard.id)) } : job.reports);

export function itemsOf(job, name, query) {
    const needle = (query.get('q') ?? '').toLowerCase();
    if (name === 'tests' && tests.has(job.id)) {
        const state = query.get('state');
        const all = query.get('shards') === 'all' || job !== shard ? tests.get(job.id) : tests.get(job.id).slice(0, 46);
        const list = all.filter((t) => holds([t.name, t.suite, t.file], needle) && (!state || (
            state === 'failed' ? bad(t) : state === 'flaky' ? t.flaky : state === 'new' ? t.new_failure : state === 'slower' ? slower(t) : t.state === state)));
        const rank = (t) => (bad(t) ? 0 : t.flaky ? 1 : t.state === 'passed' ? 2 : 3);
        if (query.get('sort') === 'worst') list.sort((a, b) => rank(a) - rank(b));
        if (query.get('sort') === 'slowest') list.sort((a, b) => b.duration_ms - a.duration_ms);
        return window(list, query);
    }
    if (name === 'findings' && job === lint) {
        const state = query.get('state');
        return window(findings.filter((f) => (state === 'fixed' ? f.fixed : !f.fixed && (state !== 'new' || f.is_new))
            && (!query.get('severity') || f.severity === query.get('severity')) && (!query.get('tool') || f.tool === query.get('tool'))
            && holds([f.file, f.message, f.rule], needle)).sort((a, b) => a.file.localeCompare(b.file) || a.line - b.line), query);
    }
    if (name === 'coverage' && job === red) {
        const list = coverage.filter((file) => holds([file.file], needle));
        if (query.get('sort') === 'worst') list.sort((a, b) => (b.changed_lines - b.changed_covered) - (a.changed_lines - a.changed_covered) || (b.lines - b.covered) - (a.lines - a.covered));
        return window(list, query);
    }
    return undefined;
}

const numbersOf = (reports) => ({
    ...(reports.tests ? { 'tests.total': reports.tests.total, 'tests.passed': reports.tests.passed, 'tests.failed': reports.tests.failed, 'tests.skipped': reports.tests.skipped, 'tests.flaky': reports.tests.flaky, 'tests.seconds': reports.tests.duration_ms / 1000 } : {}),
    ...(reports.coverage ? { 'coverage.lines': (100 * reports.coverage.lines_covered) / reports.coverage.lines, 'coverage.branches': 67.9, 'coverage.changed': 66.7 } : {}),
    ...(reports.findings ? { 'findings.total': reports.findings.total, 'findings.new': reports.findings.added, 'findings.errors': reports.findings.errors, 'findings.fixed': 1 } : {}),
    ...reports.metrics,
});

const record = {
    job: 'test (3.11)', suite: 'tests.test_gateway', name: 'test_reconnects_after_reset', failures: 9, commits: 7, flaky_commits: 6,
    message: 'ConnectionResetError: [Errno 104] Connection reset by peer', last_run_id: red.run_id, last_job_id: red.id, last_at: red.created_at,
};

export function comparisonOf(job, query) {
    const reports = reportsOf(job, query);
    const dice = random(job.id);
    const list = tests.get(job.id);
    return {
        base: Object.keys(reports).length === 0 ? null
            : { name: `run ${base.number} of main (${base.sha.slice(0, 7)})`, run_id: base.id, number: base.number, branch: 'main', sha: base.sha, job_id: many.id },
        metrics: Object.entries(numbersOf(reports)).map(([name, value]) => ({ name, value, base: name === 'coverage.changed' ? null : Number.isInteger(value) && value < 1000 ? Math.max(0, value - Math.floor(dice() * 4)) : value * (0.96 + dice() * 0.06) })),
        tests: !list ? null : {
            new_failures: list.filter((t) => t.new_failure).length, still_failing: list.filter((t) => bad(t) && !t.new_failure).length, fixed: 0,
            added: 3, removed: 0, slower: list.filter(slower).length, new_failure_names: [], fixed_names: [], slower_tests: [],
        },
        records: job === red ? [record] : [],
    };
}

export function historyOf(project, query) {
    const branch = query.get('branch') ?? project.default_branch;
    const known = project.name === 'checkout-service' ? ['lint', 'test (3.11)', 'test (3.9)'] : [];
    const key = query.get('job') ?? '';
    const dice = random(17);
    const mine = runs.filter((run) => run.project === project.name && run.branch === branch && run.state !== 'cancelled').slice(-Number(query.get('limit') ?? 50));
    let total = 300;
    const points = !known.includes(key) ? [] : mine.map((run, i) => {
        total += Math.floor(dice() * 5);
        const metrics = key === 'lint'
            ? { 'findings.total': 160 - i * 1.4 + Math.floor(dice() * 8) | 0, 'findings.new': dice() < 0.2 ? 3 : 0, 'findings.errors': 20 }
            : { 'tests.total': total, 'tests.passed': total, 'tests.failed': run.state === 'failed' ? 2 : 0, 'tests.flaky': dice() < 0.3 ? 1 : 0, 'tests.seconds': 30 + i * 0.12 + dice() * 6 + (i > 40 ? 9 : 0), 'tests.skipped': 2, 'coverage.lines': 71 + i * 0.16 + dice(), ...(i > 8 ? { 'bundle.bytes': 1_180_000 + i * 400 + Math.floor(dice() * 9000), p95_ms: 40 + dice() * 3 } : {}) };
        return { run_id: run.id, number: run.number, job_id: red.id, sha: run.sha, at: run.created_at, metrics };
    });
    return { branch, job: key, jobs: known, points };
}

export const flakyOf = (project) => ({
    days: 30,
    tests: project.name !== 'checkout-service' ? [] : [record,
        { ...record, suite: 'tests.test_search', name: 'test_suggests_within_50_ms', failures: 4, commits: 4, flaky_commits: 2, message: 'AssertionError: 61.2 ms' }],
});
