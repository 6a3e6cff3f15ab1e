// The jobs of a run as a drawable graph: one node per id of the file with its matrix cells inside,
// edges from `needs`, placed by dagre.
import { Graph, layout as dagreLayout } from '@dagrejs/dagre';
import type { Job } from '../api/types';

export interface Group {
    base: string;
    jobs: Job[];
    /** Groups that this one waits for, as they are drawn: what follows from another need is left out. */
    needs: string[];
}

/** Groups jobs by their id in the file, in the order in which the server lists them. */
export function groupJobs(jobs: readonly Job[]): Group[] {
    const groups = new Map<string, Group>();
    for (const job of jobs) {
        const group = groups.get(job.base);
        if (group) group.jobs.push(job);
        else groups.set(job.base, { base: job.base, jobs: [job], needs: [] });
    }
    for (const group of groups.values()) {
        const needs = new Set(group.jobs.flatMap((job) => job.needs));
        // A need of a job that exists in no file of this run (`optional`) has no node.
        const bases = [...groups.keys()];
        group.needs = [...needs].flatMap((need) => {
            // What a job has called or generated is part of it, but for those that are part themselves.
            if (group.base.startsWith(`${need}/`)) return groups.has(need) ? [need] : [];
            return bases.filter((base) => base !== group.base && (base === need || base.startsWith(`${need}/`)));
        });
        group.needs = [...new Set(group.needs)];
    }
    return reduceEdges([...groups.values()]);
}

/** Leaves out the needs that a longer way implies: a → b → c needs no a → c. */
export function reduceEdges(groups: Group[]): Group[] {
    const byBase = new Map(groups.map((group) => [group.base, group]));
    const known = new Map<string, Set<string>>();
    const ancestors = (base: string): Set<string> => {
        const seen = known.get(base);
        if (seen) return seen;
        const all = new Set<string>();
        known.set(base, all);  // before descending: a cycle, which the server refuses, must not hang us
        for (const need of byBase.get(base)?.needs ?? []) {
            all.add(need);
            for (const further of ancestors(need)) all.add(further);
        }
        return all;
    };
    return groups.map((group) => ({
        ...group,
        needs: group.needs.filter((need) =>
            !group.needs.some((other) => other !== need && ancestors(other).has(need))),
    }));
}

/** Groups by their depth: those of one stage need only earlier stages. */
export function stages(groups: readonly Group[]): Group[][] {
    const byBase = new Map(groups.map((group) => [group.base, group]));
    const depths = new Map<string, number>();
    const depth = (base: string): number => {
        const known = depths.get(base);
        if (known !== undefined) return known;
        depths.set(base, 0);
        const needs = byBase.get(base)?.needs ?? [];
        const value = needs.length === 0 ? 0 : 1 + Math.max(...needs.map(depth));
        depths.set(base, value);
        return value;
    };
    const result: Group[][] = [];
    for (const group of groups) (result[depth(group.base)] ??= []).push(group);
    return result.filter((stage) => stage !== undefined);
}

export interface Placed {
    group: Group;
    x: number;
    y: number;
    width: number;
    height: number;
}

export interface Drawing {
    nodes: Placed[];
    edges: { id: string; path: string; from: string; to: string }[];
    width: number;
    height: number;
}

export interface NodeSizes {
    width: number;
    heightOf(group: Group): number;
}

/** Places nodes from left to right. */
export function draw(groups: readonly Group[], sizes: NodeSizes): Drawing {
    const graph = new Graph();
    graph.setGraph({ rankdir: 'LR', nodesep: 14, ranksep: 32, marginx: 2, marginy: 2 });
    graph.setDefaultEdgeLabel(() => ({}));
    // Numbers as names: dagre keeps names as keys of plain objects, and a job may be called __proto__.
    const ids = new Map(groups.map((group, index) => [group.base, `n${index}`]));
    const idOf = (base: string): string => ids.get(base)!;
    for (const group of groups) {
        graph.setNode(idOf(group.base), { width: sizes.width, height: sizes.heightOf(group) });
    }
    for (const group of groups) for (const need of group.needs) graph.setEdge(idOf(need), idOf(group.base));
    dagreLayout(graph);
    const nodes = groups.map((group) => {
        const { x, y, width, height } = graph.node(idOf(group.base)) as Required<Record<'x' | 'y' | 'width' | 'height', number>>;
        return { group, x: x - width / 2, y: y - height / 2, width, height };
    });
    const at = new Map(nodes.map((node) => [node.group.base, node]));
    const edges = groups.flatMap((group) => group.needs.map((need) => {
        const { points } = graph.edge(idOf(need), idOf(group.base)) as { points: Point[] };
        // Dagre leads an edge over several ranks around the nodes between; a short one needs no bends.
        const bends = points.length > 3 ? points.slice(1, -1) : [];
        const path = curve(at.get(need)!, bends, at.get(group.base)!);
        return { id: `${need}\n${group.base}`, from: need, to: group.base, path };
    }));
    return {
        nodes, edges,
        width: Math.max(0, ...nodes.map((node) => node.x + node.width)) + 2,
        height: Math.max(0, ...nodes.map((node) => node.y + node.height)) + 2,
    };
}

interface Point {
    x: number;
    y: number;
}

/** From the right side of one node to the left side of another; level at every point. */
function curve(from: Placed, bends: readonly Point[], to: Placed): string {
    const points = [
        { x: from.x + from.width, y: from.y + from.height / 2 },
        ...bends,
        { x: to.x, y: to.y + to.height / 2 },
    ];
    return points.reduce((path, point, i) => {
        const last = points[i - 1];
        if (!last) return `M${r(point.x)} ${r(point.y)}`;
        const bend = Math.max(8, (point.x - last.x) / 2);
        return path + `C${r(last.x + bend)} ${r(last.y)} ${r(point.x - bend)} ${r(point.y)} ${r(point.x)} ${r(point.y)}`;
    }, '');
}

const r = (value: number): number => Math.round(value * 10) / 10;
