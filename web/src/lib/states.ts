// One table of states: label, tone (a CSS colour token) and shape. Shape and label carry the meaning
// on their own, colour only repeats it.
import type { AnyState, Job, JobState, RunState } from '../api/types';

export type Shape =
    | 'check' | 'cross' | 'triangle' | 'diamond' | 'slash' | 'spinner' | 'dots'
    | 'ring' | 'hand' | 'dash' | 'stop' | 'dot';

export interface StateLook {
    label: string;
    tone: string;
    shape: Shape;
}

const looks: Record<AnyState, StateLook> = {
    active: { label: 'active', tone: 'running', shape: 'spinner' },
    waiting: { label: 'waiting', tone: 'waiting', shape: 'ring' },
    held: { label: 'held', tone: 'held', shape: 'hand' },
    ready: { label: 'ready', tone: 'ready', shape: 'dots' },
    running: { label: 'running', tone: 'running', shape: 'spinner' },
    pending: { label: 'pending', tone: 'waiting', shape: 'ring' },
    passed: { label: 'passed', tone: 'passed', shape: 'check' },
    green: { label: 'green', tone: 'passed', shape: 'check' },
    warned: { label: 'warned', tone: 'warned', shape: 'triangle' },
    failed: { label: 'failed', tone: 'failed', shape: 'cross' },
    red: { label: 'red', tone: 'failed', shape: 'cross' },
    errored: { label: 'errored', tone: 'errored', shape: 'diamond' },
    cancelled: { label: 'cancelled', tone: 'cancelled', shape: 'slash' },
    not_selected: { label: 'not selected', tone: 'quiet', shape: 'dash' },
    skipped: { label: 'skipped', tone: 'quiet', shape: 'dash' },
    blocked: { label: 'blocked', tone: 'blocked', shape: 'stop' },
    online: { label: 'online', tone: 'passed', shape: 'dot' },
    offline: { label: 'offline', tone: 'quiet', shape: 'slash' },
    draining: { label: 'draining', tone: 'held', shape: 'hand' },
    paused: { label: 'paused', tone: 'held', shape: 'hand' },
};

/** The look of a state; a word that this build does not know is shown as it is. */
export function lookOf(state: string): StateLook {
    return (
        (looks as Record<string, StateLook | undefined>)[state] ?? {
            label: state, tone: 'quiet', shape: 'ring',
        }
    );
}

const terminalJobs = new Set<string>([
    'passed', 'warned', 'failed', 'errored', 'cancelled', 'not_selected', 'blocked',
]);

export const isOver = (state: JobState): boolean => terminalJobs.has(state);
export const isRunOver = (state: RunState): boolean => state !== 'active';
export const isBad = (state: string): boolean => state === 'failed' || state === 'errored';

/** Jobs that a reader of a run must know of: what went wrong, else what waits for something. */
export function needingAttention(jobs: readonly Job[]): Job[] {
    const bad = jobs.filter((job) => isBad(job.state));
    if (bad.length > 0) return bad;
    return jobs.filter((job) => !isOver(job.state) && job.state !== 'running' && job.wait_reason !== '');
}

// What is still going on outranks what has ended; then the worst result wins (language reference A6.11).
const rank: JobState[] = [
    'running', 'held', 'ready', 'waiting',
    'errored', 'failed', 'cancelled', 'blocked', 'warned', 'passed', 'not_selected',
];

/** The state that stands for a group of matrix cells. */
export function worstState(states: readonly JobState[]): JobState {
    return rank.find((state) => states.includes(state)) ?? 'not_selected';
}

/** "3 passed, 1 failed", in the order of `rank`. */
export function countStates(states: readonly JobState[]): string {
    return rank
        .map((state) => [state, states.filter((other) => other === state).length] as const)
        .filter(([, count]) => count > 0)
        .map(([state, count]) => `${count} ${lookOf(state).label}`)
        .join(', ');
}
