import { describe, expect, it } from 'vitest';
import { href, localPath, parse, type Route } from '../src/lib/router';

const routes: Route[] = [
    { page: 'projects' },
    { page: 'agents' },
    { page: 'agent', agent: 7 },
    { page: 'login', next: '/runs/1?job=2' },
    { page: 'project', project: 'a.b-c_1' },
    { page: 'project', project: 'x', branch: 'feature/<script>&ü', before: 'c:1/2' },
    { page: 'gate', project: 'x', branch: 'main', sha: 'abc' },
    { page: 'run', run: 12 },
    { page: 'run', run: 12, job: 34 },
    { page: 'job', job: 5, line: 12 },
    { page: 'job', job: 5, view: 'tests' },
    { page: 'job', job: 5, find: 'src/a b.c:3' },
    { page: 'trends', project: 'x', job: 'test (3.11)', branch: 'main' },
    { page: 'environments', project: 'a b' },
    { page: 'job', job: 5, attempt: 2, line: 12, lineEnd: 20 },
];

describe('routes', () => {
    it.each(routes.map((route) => [href(route), route] as const))('%s leads back', (address, route) => {
        const url = new URL(address, 'http://x');
        expect(parse(url.pathname, url.search, url.hash)).toEqual(route);
    });
    it('has no page for anything else', () => {
        for (const path of ['/runs', '/runs/0', '/runs/1e3', '/runs/-1', '/jobs/99999999999999999', '/x', '/runs/1/2', '/projects/%zz']) {
            expect(parse(path).page).toBe('not_found');
        }
    });
    it('ignores a trailing slash', () => expect(parse('/agents/')).toEqual({ page: 'agents' }));
    it('turns a line range the right way round', () => {
        expect(parse('/jobs/1', '', '#L20-L10')).toEqual({ page: 'job', job: 1, line: 10, lineEnd: 20 });
        expect(parse('/jobs/1', '', '#Lx')).toEqual({ page: 'job', job: 1 });
    });
});

it('goes on to paths of this site only', () => {
    expect(localPath('/runs/1?job=2#L3')).toBe('/runs/1?job=2#L3');
    for (const path of [null, '', 'runs', 'https://evil.example/', '//evil.example/', '/\\evil.example/', '/\t/evil.example']) {
        expect(localPath(path)).toBeUndefined();
    }
});
