// The pages of the UI as values: parse() and href() are inverse to each other, so a link cannot name
// a page that does not exist. History handling is in navigation.svelte.ts.

/** What is shown of a job instead of its log. */
export type ReportView = 'tests' | 'findings' | 'coverage' | 'metrics';
const views: readonly string[] = ['tests', 'findings', 'coverage', 'metrics'] satisfies ReportView[];

export type Route =
    | { page: 'projects' }
    | { page: 'project'; project: string; branch?: string; before?: string }
    | { page: 'gate'; project: string; branch?: string; sha?: string }
    | { page: 'environments'; project: string }
    | { page: 'run'; run: number; job?: number }
    | { page: 'trends'; project: string; job?: string; branch?: string }
    | { page: 'job'; job: number; view?: ReportView; attempt?: number; find?: string; line?: number; lineEnd?: number }
    | { page: 'agents' }
    | { page: 'agent'; agent: number }
    | { page: 'login'; next?: string }
    | { page: 'not_found'; path: string };

/** The route of a location; unknown paths and malformed ids become `not_found`. */
export function parse(path: string, search = '', hash = ''): Route {
    const lost: Route = { page: 'not_found', path };
    const parts = splitPath(path);
    if (parts === null) return lost;
    const query = new URLSearchParams(search);
    const [head, arg, ...rest] = parts;
    if (rest.length > 0) return lost;
    if (head === undefined) return { page: 'projects' };
    if (arg === undefined) {
        if (head === 'agents') return { page: 'agents' };
        if (head === 'login') return compact({ page: 'login', next: localPath(query.get('next')) });
        return lost;
    }
    switch (head) {
        case 'projects':
            return compact({ page: 'project', project: arg, branch: text(query, 'branch'), before: text(query, 'before') });
        case 'gate':
            return compact({ page: 'gate', project: arg, branch: text(query, 'branch'), sha: text(query, 'sha') });
        case 'environments': return { page: 'environments', project: arg };
        case 'trends':
            return compact({ page: 'trends', project: arg, job: text(query, 'job'), branch: text(query, 'branch') });
        case 'agents': {
            const agent = id(arg);
            return agent === undefined ? lost : { page: 'agent', agent };
        }
        case 'runs': {
            const run = id(arg);
            return run === undefined ? lost : compact({ page: 'run', run, job: id(query.get('job')) });
        }
        case 'jobs': {
            const job = id(arg);
            if (job === undefined) return lost;
            const view = query.get('view') ?? '';
            return compact({
                page: 'job', job, view: views.includes(view) ? (view as ReportView) : undefined,
                attempt: id(query.get('attempt')), find: text(query, 'find'), ...lines(hash),
            });
        }
    }
    return lost;
}

/** The address of a route. */
export function href(route: Route): string {
    switch (route.page) {
        case 'projects': return '/';
        case 'agents': return '/agents';
        case 'agent': return `/agents/${route.agent}`;
        case 'login': return '/login' + search({ next: route.next });
        case 'project':
            return `/projects/${encodeURIComponent(route.project)}` + search({ branch: route.branch, before: route.before });
        case 'gate':
            return `/gate/${encodeURIComponent(route.project)}` + search({ branch: route.branch, sha: route.sha });
        case 'environments': return `/environments/${encodeURIComponent(route.project)}`;
        case 'run': return `/runs/${route.run}` + search({ job: route.job });
        case 'trends':
            return `/trends/${encodeURIComponent(route.project)}` + search({ job: route.job, branch: route.branch });
        case 'job':
            return `/jobs/${route.job}` + search({ view: route.view, attempt: route.attempt, find: route.find }) + lineHash(route);
        case 'not_found': return route.path;
    }
}

function splitPath(path: string): string[] | null {
    try {
        return path.split('/').filter((part) => part !== '').map(decodeURIComponent);
    } catch {
        return null;  // malformed percent-encoding
    }
}

/** A path of this site, or nothing: `next` must never lead elsewhere ("//evil", "/\evil"). */
export function localPath(path: string | null): string | undefined {
    if (!path || !path.startsWith('/')) return undefined;
    const base = 'http://sluice.invalid';
    try {
        const url = new URL(path, base);
        return url.origin === base ? url.pathname + url.search + url.hash : undefined;
    } catch {
        return undefined;
    }
}

function id(value: string | null): number | undefined {
    if (value === null || !/^[1-9][0-9]{0,15}$/.test(value)) return undefined;
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : undefined;
}

function lines(hash: string): { line?: number; lineEnd?: number } {
    const match = /^#L([1-9][0-9]{0,11})(?:-L?([1-9][0-9]{0,11}))?$/.exec(hash);
    if (!match) return {};
    const first = Number(match[1]);
    const last = match[2] === undefined ? undefined : Number(match[2]);
    return last === undefined ? { line: first } : { line: Math.min(first, last), lineEnd: Math.max(first, last) };
}

function lineHash(route: { line?: number; lineEnd?: number }): string {
    if (route.line === undefined) return '';
    return route.lineEnd === undefined ? `#L${route.line}` : `#L${route.line}-L${route.lineEnd}`;
}

function search(values: Record<string, string | number | undefined>): string {
    const query = new URLSearchParams();
    for (const [key, value] of Object.entries(values)) {
        if (value !== undefined && value !== '') query.set(key, String(value));
    }
    const encoded = query.toString();
    return encoded === '' ? '' : `?${encoded}`;
}

const text = (query: URLSearchParams, key: string): string | undefined => query.get(key) || undefined;

function compact<T extends object>(value: T): T {
    return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined)) as T;
}
