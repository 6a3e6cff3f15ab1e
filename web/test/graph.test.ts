import { describe, expect, it } from 'vitest';
import type { Job } from '../src/api/types';
import { draw, groupJobs, stages } from '../src/lib/graph';

let id = 0;
const job = (base: string, needs: string[] = [], more: Partial<Job> = {}): Job => ({
    id: (id += 1), run_id: 1, key: base, base, name: base, kind: 'test', state: 'passed', wait_reason: '', cause: 'none',
    message: '', exit_code: 0, allow_failure: false, approval: null, environment: null, needs, matrix: {}, shard: null, attempt: 1, agent: '', created_at: '', started_at: null,
    finished_at: null, duration_ms: null, log_size: 0, steps: [], reports: {}, outputs: {}, carried_from: null, ...more,
});
const sizes = { width: 100, heightOf: () => 40 };

describe('groups', () => {
    it('hold the cells of a matrix', () => {
        const groups = groupJobs([job('lint'), job('test', ['lint'], { key: 'test (a)' }), job('test', ['lint'], { key: 'test (b)' })]);
        expect(groups.map((group) => [group.base, group.jobs.length, group.needs])).toEqual([['lint', 1, []], ['test', 2, ['lint']]]);
    });
    it('leave out needs that follow from others, and needs without a job', () => {
        const groups = groupJobs([job('a'), job('b', ['a', 'gone']), job('c', ['a', 'b'])]);
        expect(groups.map((group) => group.needs)).toEqual([[], ['a'], ['b']]);
    });
    it('survive a cycle', () => {
        const groups = groupJobs([job('a', ['b']), job('b', ['a']), job('c', ['c'])]);
        expect(stages(groups).flat()).toHaveLength(3);
        expect(draw(groups, sizes).nodes).toHaveLength(3);
    });
    it('stand in stages', () => {
        const groups = groupJobs([job('a'), job('b', ['a']), job('c', ['b']), job('d', ['a'])]);
        expect(stages(groups).map((stage) => stage.map((group) => group.base))).toEqual([['a'], ['b', 'd'], ['c']]);
    });
});

describe('drawing', () => {
    it('goes from left to right without overlaps', () => {
        const groups = groupJobs([job('a'), job('b', ['a']), job('c', ['a']), job('d', ['b', 'c']), job('e')]);
        const { nodes, edges, width, height } = draw(groups, sizes);
        const at = Object.fromEntries(nodes.map((node) => [node.group.base, node]));
        expect(at.a!.x).toBeLessThan(at.b!.x);
        expect(at.b!.x).toBeLessThan(at.d!.x);
        for (const one of nodes) {
            expect(one.x).toBeGreaterThanOrEqual(0);
            expect(one.x + one.width).toBeLessThanOrEqual(width);
            expect(one.y + one.height).toBeLessThanOrEqual(height);
            for (const other of nodes) {
                if (one === other) continue;
                const apart = one.x + one.width <= other.x || other.x + other.width <= one.x
                    || one.y + one.height <= other.y || other.y + other.height <= one.y;
                expect(apart).toBe(true);
            }
        }
        expect(edges.map((edge) => `${edge.from}>${edge.to}`).sort()).toEqual(['a>b', 'a>c', 'b>d', 'c>d']);
        for (const edge of edges) expect(edge.path).toMatch(/^M[\d. -]+(C[\d. -]+)+$/);
    });
    it('takes ids that look like something else', () => {
        const groups = groupJobs([job('__proto__'), job('constructor', ['__proto__']), job('gen/<x>', ['constructor'])]);
        expect(draw(groups, sizes).edges).toHaveLength(2);
    });
    it('of nothing is nothing', () => expect(draw([], sizes)).toMatchObject({ nodes: [], edges: [] }));
});
