// A development fake of sluice-server: invented data in memory behind the real API's paths, with the
// real server's security headers. For `npm run dev` and for tests/ui when no SLUICE_URL is given.
//   node dev/fake-server.mjs [--port 8479] [--dist dist]      token: "fake-admin", "fake-read"
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { extname, join, normalize } from 'node:path';
import { agentLines, agents, bigJob, bigRange, countJobs, diagnostics, jobs, liveJob, logs, params, projects, runs, schedules } from './fake-data.mjs';
import { comparisonOf, flakyOf, historyOf, itemsOf, reportsOf } from './fake-reports.mjs';

const option = (name, otherwise) => {
    const at = process.argv.indexOf(`--${name}`);
    return at === -1 ? otherwise : process.argv[at + 1];
};
const dist = option('dist', new URL('../dist', import.meta.url).pathname);
const tokens = { 'fake-admin': 'admin', 'fake-read': 'read' };
const csp = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
const types = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8', '.svg': 'image/svg+xml' };

const events = [];
const watchers = new Set();
const followers = new Set();
let eventId = 1000;

function publish(type, { run_id = null, job_id = null, state = '', project_id = 0 }) {
    const event = { id: (eventId += 1), type, project_id, run_id, job_id, state, at: new Date().toISOString() };
    events.push(event);
    for (const watcher of watchers) watcher(event);
}

class Refused extends Error {
    constructor(status, code, message) {
        super(message);
        Object.assign(this, { status, code });
    }
}
const find = (list, id, what) => {
    const found = list.find((item) => item.id === Number(id));
    if (!found) throw new Refused(404, 'not_found', `There is no ${what} ${id}.`);
    return found;
};
const projectOf = (name) => {
    const found = projects.find((item) => item.name === name);
    if (!found) throw new Refused(404, 'not_found', `There is no project ${name}.`);
    return found;
};
const runsOf = (name) => runs.filter((run) => run.project === name).sort((a, b) => b.id - a.id);
const policy = { protected_branches: ['release/*'], protected_tags: ['v*'], config_changes: 'required', job_statuses: true };
const withLast = (project) => ({ ...project, policy, last_run: runsOf(project.name)[0] ?? null });

const approvals = new Map();  // commit → who let its edit of the pipeline pass

function gate(project, query) {
    const branch = query.get('branch') ?? project.default_branch;
    const run = runsOf(project.name).find((r) => (query.get('sha') ? r.sha === query.get('sha') : r.branch === branch));
    if (!run) throw new Refused(404, 'not_found', `Nothing is known of ${branch} of ${project.name}.`);
    const mine = jobs.filter((job) => job.run_id === run.id);
    const bases = [...new Set(mine.map((job) => job.base))];
    const color = { passed: 'green', warned: 'green', not_selected: 'green', running: 'pending', waiting: 'pending', held: 'pending', ready: 'pending' };
    const order = ['errored', 'failed', 'cancelled', 'blocked', 'running', 'held', 'ready', 'waiting', 'warned', 'passed', 'not_selected'];
    const checks = bases.map((base) => {
        const worst = mine.filter((job) => job.base === base).sort((a, b) => order.indexOf(a.state) - order.indexOf(b.state))[0];
        return { name: base, color: color[worst.state] ?? 'red', state: worst.state, note: worst.state === 'warned' ? 'allowed to fail' : worst.wait_reason, job_id: worst.id };
    });
    if (project.name === 'checkout-service') checks.push({ name: 'e2e-*', color: 'red', state: 'missing', note: 'no job of the run matches', job_id: null });
    const edited = project.name === 'docs';
    const by = approvals.get(run.sha);
    if (edited && !by) checks.push({ name: 'spelling', color: 'pending', state: 'removed', note: 'the target branch has this job, the change does not: waits for an approval', job_id: null });
    const verdict = checks.some((c) => c.color === 'red') ? 'red' : checks.some((c) => c.color === 'pending') ? 'pending' : 'green';
    return { project: project.name, sha: run.sha, branch, verdict, summary: `${checks.filter((c) => c.color === 'green').length} of ${checks.length} required checks are green`, checks, run_id: run.id, config_sha: runsOf(project.name)[0].sha, rules: 'file',
        config_change: !edited ? null : { files: ['.ci.yml', '.ci/lib/spelling.yml'], jobs: ['spelling'], gate: true, policy: 'required', state: by ? 'approved' : 'waiting', digest: 'd', approved_by: by ?? '', reason: '' } };
}

/** Of a project with runs: each was deployed to one of two places. */
const deploymentsOf = (project) => runsOf(project.name).filter((run) => run.finished_at).map((run, i) => ({
    environment: i % 2 ? 'staging' : 'production', job_id: jobs.find((job) => job.run_id === run.id)?.id ?? 9000 + run.id, job: 'deploy', state: i ? 'passed' : 'failed',
    run_id: run.id, run_number: run.number, sha: run.sha, branch: run.branch, tag: run.tag, url: i % 2 ? 'javascript:alert(1)' : 'https://app.example/', approved_by: i % 2 ? '' : 'fake admin', finished_at: run.finished_at,
}));

function environmentsOf(project) {
    const all = deploymentsOf(project);
    if (all.length === 0) return [];
    const rules = { id: 1, approvers: ['admin'], approvals: 2, reason_required: true, expires_ms: 6048e5, wait_ms: 18e5, events: [], branches: ['main'], tags: ['v*'], set_by: 'fake admin', set_at: '2026-01-01T00:00:00Z' };
    const current = (name) => all.find((one) => one.environment === name && one.state === 'passed') ?? null;
    return [{ name: 'production', protection: rules, current: current('production'), held: 1 }, { name: 'staging', protection: null, current: current('staging'), held: 0 }];
}

function finish(run) {
    for (const job of jobs.filter((j) => j.run_id === run.id && !j.finished_at && ['waiting', 'held', 'ready', 'running'].includes(j.state))) {
        Object.assign(job, { state: 'cancelled', cause: 'cancelled', wait_reason: '', finished_at: new Date().toISOString() });
        publish('job.changed', { run_id: run.id, job_id: job.id, state: job.state, project_id: run.project_id });
    }
    Object.assign(run, { state: 'cancelled', finished_at: new Date().toISOString() });
    countJobs();
    publish('run.finished', { run_id: run.id, state: run.state, project_id: run.project_id });
}

const routes = [
    ['GET', '/api/v1/status', () => ({ version: '0.1.0-fake', server_id: 'fake', uptime_ms: 1e6, queue_ready: 1, running: 1, agents_online: 2, hook_listener: '', read_only: false })],
    ['GET', '/api/v1/whoami', (_, { role }) => ({ id: 1, name: `fake ${role}`, role, created_at: '2026-01-01T00:00:00Z', last_used_at: null })],
    ['GET', '/api/v1/projects', () => ({ projects: projects.map(withLast) })],
    ['GET', '/api/v1/projects/:project', ({ project }) => withLast(projectOf(project))],
    ['GET', '/api/v1/projects/:project/runs', ({ project }, { query }) => {
        const before = Number(query.get('before') ?? Infinity);
        const all = runsOf(projectOf(project).name).filter((run) => run.id < before && (!query.get('branch') || run.branch === query.get('branch')));
        const page = all.slice(0, Number(query.get('limit') ?? 50));
        return { runs: page, next: all.length > page.length ? String(page.at(-1).id) : null };
    }],
    ['GET', '/api/v1/projects/:project/params', ({ project }) => ({ branch: projectOf(project).default_branch, sha: '0'.repeat(40), manual: true, params: params[project] ?? [] })],
    ['GET', '/api/v1/projects/:project/schedules', ({ project }) => ({ schedules: schedules[projectOf(project).name] ?? [] })],
    ['POST', '/api/v1/schedules/:schedule/run', () => copyRun(runsOf('ranking-model')[0], { event: 'schedule', retry_of: null })],
    ['POST', '/api/v1/projects/:project/runs', ({ project }) => copyRun(runsOf(projectOf(project).name)[0], { event: 'manual', retry_of: null })],
    ['GET', '/api/v1/projects/:project/gate', ({ project }, { query }) => gate(projectOf(project), query)],
    ['POST', '/api/v1/projects/:project/gate/approve', ({ project }, { body, role }) => {
        if (body?.digest !== 'd') throw new Refused(409, 'config_changed', 'the configuration is not the one you looked at: look again');
        approvals.set(body.sha, `fake ${role}`);
        return gate(projectOf(project), new URLSearchParams({ sha: body.sha, branch: body.branch }));
    }],
    ['GET', '/api/v1/runs/:run', ({ run }) => ({ run: find(runs, run, 'run'), jobs: jobs.filter((job) => job.run_id === Number(run)), diagnostics: diagnostics.get(Number(run)) ?? [], params: {}, schedule: null })],
    ['POST', '/api/v1/runs/:run/cancel', ({ run }) => { const found = find(runs, run, 'run'); finish(found); return found; }],
    ['POST', '/api/v1/runs/:run/retry', ({ run }) => copyRun(find(runs, run, 'run'), { retry_of: Number(run) })],
    ['GET', '/api/v1/jobs/:job', ({ job }) => find(jobs, job, 'job')],
    ['GET', '/api/v1/jobs/:job/reports', ({ job }, { query }) => reportsOf(find(jobs, job, 'job'), query)],
    ['GET', '/api/v1/jobs/:job/reports/:name', ({ job, name }, { query }) => {
        const page = itemsOf(find(jobs, job, 'job'), name, query);
        if (!page) throw new Refused(404, 'not_found', 'The job has no such report.');
        return page;
    }],
    ['GET', '/api/v1/jobs/:job/comparison', ({ job }, { query }) => comparisonOf(find(jobs, job, 'job'), query)],
    ['GET', '/api/v1/projects/:project/metrics', ({ project }, { query }) => historyOf(projectOf(project), query)],
    ['GET', '/api/v1/projects/:project/flaky-tests', ({ project }) => flakyOf(projectOf(project))],
    ['POST', '/api/v1/jobs/:job/cancel', ({ job }) => {
        const found = find(jobs, job, 'job');
        Object.assign(found, { state: 'cancelled', cause: 'cancelled', wait_reason: '' });
        publish('job.changed', { run_id: found.run_id, job_id: found.id, state: found.state });
        return found;
    }],
    ['GET', '/api/v1/projects/:project/environments', ({ project }) => ({ environments: environmentsOf(projectOf(project)) })],
    ['GET', '/api/v1/projects/:project/deployments', ({ project }, { query }) => {
        const wanted = query.get('environment');
        const all = deploymentsOf(projectOf(project)).filter((one) => wanted === null || one.environment === wanted);
        return { deployments: all.slice(0, Number(query.get('limit') ?? 20)) };
    }],
    ['GET', '/api/v1/deliveries', (_, { query }) => ({
        deliveries: query.get('project') === 'new-project' ? [] : [
            { id: 2, source: 'github', delivery_id: 'b', project: query.get('project'), kind: 'push', state: 'ignored', outcome: 'no `on` of the configuration matches', run_id: null, received_at: new Date(Date.now() - 4e5).toISOString() },
            { id: 1, source: 'github', delivery_id: 'a', project: query.get('project'), kind: 'push', state: 'done', outcome: '', run_id: 131, received_at: new Date(Date.now() - 2e6).toISOString() },
        ],
    })],
    ['GET', '/api/v1/agents', () => ({ agents })],
    ['GET', '/api/v1/agents/:agent/log', ({ agent }) => ({ lines: agent === '3' ? [] : agentLines })],
    ['POST', '/api/v1/agents/:agent/pause', ({ agent }) => setAgent(agent, 'paused')],
    ['POST', '/api/v1/agents/:agent/drain', ({ agent }) => setAgent(agent, 'draining')],
    ['POST', '/api/v1/agents/:agent/resume', ({ agent }) => setAgent(agent, 'online')],
];

function setAgent(id, state) {
    const agent = find(agents, id, 'agent');
    agent.state = state;
    publish('agent.changed', { state });
    return agent;
}

function copyRun(from, more) {
    const id = Math.max(...runs.map((r) => r.id)) + 1;
    const run = { ...from, ...more, id, number: from.number + 1, state: 'active', created_at: new Date().toISOString(), finished_at: null, duration_ms: null };
    runs.push(run);
    const copies = jobs.filter((job) => job.run_id === from.id).map((job) => ({
        ...job, id: Math.max(...jobs.map((j) => j.id)) + 1000 + job.id, run_id: id,
        ...(job.state === 'passed' ? { carried_from: job.id } : { state: 'ready', cause: 'none', message: '', wait_reason: 'waits for an agent', reports: {}, steps: [], started_at: null, finished_at: null, duration_ms: null, log_size: 0 }),
    }));
    jobs.push(...copies);
    countJobs();
    publish('run.created', { run_id: id, state: 'active', project_id: run.project_id });
    return run;
}

const cookieOf = (request) => /sluice_session=([a-z-]+)/.exec(request.headers.cookie ?? '')?.[1];
const reply = (response, status, body, headers = {}) => {
    response.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store', ...headers });
    response.end(body === undefined ? '' : JSON.stringify(body));
};
const bodyOf = async (request) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    return JSON.parse(Buffer.concat(parts).toString() || '{}');
};

async function answer(request, response) {
    const url = new URL(request.url, 'http://fake');
    if (!url.pathname.startsWith('/api/')) return serveFile(url.pathname, response);
    if (url.pathname === '/api/v1/session' && request.method === 'POST') {
        const { token } = await bodyOf(request);
        if (!tokens[token]) throw new Refused(401, 'unauthorized', 'The token is not valid.');
        return reply(response, 200, { csrf: 'fake-csrf' }, { 'Set-Cookie': `sluice_session=${token}; HttpOnly; SameSite=Lax; Path=/` });
    }
    const bearer = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
    const role = tokens[bearer ?? cookieOf(request)];
    if (!role) throw new Refused(401, 'unauthorized', 'Sign in first.');
    if (request.method !== 'GET') {
        if (!bearer && request.headers['x-csrf'] !== 'fake-csrf') throw new Refused(403, 'forbidden', 'The X-CSRF header is missing or wrong.');
        if (url.pathname === '/api/v1/session') return reply(response, 204, undefined, { 'Set-Cookie': 'sluice_session=; Max-Age=0; Path=/' });
        if (role === 'read') throw new Refused(403, 'forbidden', 'This token may only read.');
    }
    const query = url.searchParams;
    if (url.pathname === '/api/v1/events') return streamEvents(request, response, query);
    const log = /^\/api\/v1\/jobs\/(\d+)\/log(\/stream)?$/.exec(url.pathname);
    if (log) return log[2] ? streamLog(find(jobs, log[1], 'job'), request, response, query) : sendLog(find(jobs, log[1], 'job'), request, response);
    for (const [method, pattern, handler] of routes) {
        const names = [...pattern.matchAll(/:(\w+)/g)].map((m) => m[1]);
        const match = new RegExp(`^${pattern.replace(/:\w+/g, '([^/]+)')}$`).exec(url.pathname);
        if (!match || method !== request.method) continue;
        const params = Object.fromEntries(names.map((name, i) => [name, decodeURIComponent(match[i + 1])]));
        const body = method === 'GET' ? undefined : await bodyOf(request);
        return reply(response, 200, handler(params, { query, role, body }));
    }
    throw new Refused(404, 'not_found', 'There is no such call.');
}

function sendLog(job, request, response) {
    const size = job.log_size;
    const complete = String(job !== liveJob || job.state !== 'running');
    const read = (from, to) => (job === bigJob ? bigRange(from, to) : (logs.get(job.id) ?? Buffer.alloc(0)).subarray(from, to));
    const head = { 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff', 'X-Log-Complete': complete, 'Accept-Ranges': 'bytes' };
    const match = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
    let [from, to] = match ? [Number(match[1]), match[2] === '' ? size : Math.min(size, Number(match[2]) + 1)] : [0, size];
    if (match && from >= size) {
        response.writeHead(416, { ...head, 'Content-Range': `bytes */${size}` });
        return response.end();
    }
    response.writeHead(match ? 206 : 200, { ...head, 'Content-Length': to - from, ...(match ? { 'Content-Range': `bytes ${from}-${to - 1}/${size}` } : {}) });
    const pump = () => {
        for (;;) {
            if (from >= to) return response.end();
            const part = read(from, Math.min(to, from + (1 << 20)));
            from += part.length;
            if (!response.write(part)) return response.once('drain', pump);
        }
    };
    pump();
}

function openStream(request, response) {
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
    response.write(': hello\n\n');
    const heart = setInterval(() => response.write(': beat\n\n'), 10_000);
    request.on('close', () => clearInterval(heart));
}

function streamEvents(request, response, query) {
    openStream(request, response);
    const project = projects.find((p) => p.name === query.get('project'));
    const send = (event) => {
        if (query.get('run') && event.run_id !== Number(query.get('run'))) return;
        if (project && event.project_id !== project.id) return;
        response.write(`id: ${event.id}\ndata: ${JSON.stringify(event)}\n\n`);
    };
    const after = Number(request.headers['last-event-id'] ?? query.get('after') ?? NaN);
    if (!Number.isNaN(after)) events.filter((event) => event.id > after).forEach(send);
    watchers.add(send);
    request.on('close', () => watchers.delete(send));
}

function streamLog(job, request, response, query) {
    openStream(request, response);
    let at = Number(request.headers['last-event-id'] ?? query.get('offset') ?? 0);
    const send = () => {
        const bytes = logs.get(job.id) ?? Buffer.alloc(0);
        if (bytes.length > at) {
            response.write(`event: log\nid: ${bytes.length}\ndata: ${JSON.stringify(bytes.subarray(at).toString())}\n\n`);
            at = bytes.length;
        }
        if (job.state !== 'running') {
            response.write(`event: end\nid: ${at}\ndata: ${JSON.stringify({ state: job.state, attempt: job.attempt })}\n\n`);
            response.end();
            followers.delete(send);
        }
    };
    followers.add(send);
    request.on('close', () => followers.delete(send));
    send();
}

async function serveFile(path, response) {
    const wanted = extname(path) ? normalize(path) : '/index.html';
    try {
        const body = await readFile(join(dist, wanted));
        response.writeHead(200, { 'Content-Type': types[extname(wanted)] ?? 'application/octet-stream', 'Content-Security-Policy': csp, 'X-Content-Type-Options': 'nosniff' });
        response.end(body);
    } catch {
        response.writeHead(404).end();
    }
}

// The live job writes a line five times a second and ends after `--live-lines` of them.
const liveLines = Number(option('live-lines', 3000));
let written = 0;
setInterval(() => {
    if (liveJob.state !== 'running') return;
    written += 1;
    const line = `epoch ${Math.floor(written / 20) + 1} batch ${String(written % 20).padStart(2)} loss \x1b[36m${(2 / Math.sqrt(written)).toFixed(4)}\x1b[0m\n`;
    const text = Buffer.concat([logs.get(liveJob.id), Buffer.from(line)]);
    logs.set(liveJob.id, text);
    liveJob.log_size = text.length;
    if (written === liveLines) {
        Object.assign(liveJob, { state: 'passed', finished_at: new Date().toISOString(), duration_ms: Date.now() - Date.parse(liveJob.started_at), exit_code: 0 });
        Object.assign(liveJob.steps[1], { state: 'passed', log_end: text.length });
        countJobs();
        publish('job.changed', { run_id: liveJob.run_id, job_id: liveJob.id, state: 'passed', project_id: 2 });
    }
    for (const send of followers) send();
}, 200).unref();

const server = createServer((request, response) => {
    answer(request, response).catch((error) => {
        if (!(error instanceof Refused)) console.error(error);
        reply(response, error.status ?? 500, { error: error.code ?? 'internal', message: error.message, where: '' });
    });
});
server.listen(Number(option('port', 8479)), '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`));
