// Something that is loaded, shown, and loaded again when it may have changed.
import { untrack } from 'svelte';
import { RefusedError } from '../api/client';

const leastIntervalMs = 300;
/** Reloading may take this part of the time at most: the answer for a run of a thousand jobs is large. */
const costFactor = 4;

/** Holds the newest answer of `load`. Reloads never overlap; many requests in a row become one. */
export class Resource<T> {
    data = $state.raw<T | undefined>(undefined);
    error = $state.raw<RefusedError | undefined>(undefined);
    loading = $state(false);

    private again = false;
    private last = 0;
    private cost = 0;
    private timer: ReturnType<typeof setTimeout> | undefined;
    private generation = 0;

    constructor(private load: () => Promise<T>, first: 'now' | 'later' = 'now') {
        if (first === 'now') this.reload();
    }

    /** Asks again soon: at once, or after the least interval. An effect that calls it does not depend on it. */
    reload(): void {
        untrack(() => this.schedule());
    }

    private schedule(): void {
        if (this.loading) {
            this.again = true;
            return;
        }
        clearTimeout(this.timer);
        const wait = Math.max(0, this.last + Math.max(leastIntervalMs, costFactor * this.cost) - performance.now());
        this.loading = true;
        this.timer = setTimeout(() => void this.run(this.generation), this.last === 0 ? 0 : wait);
    }

    /** Replaces the answer, e.g. by the reply of a write. */
    set(data: T): void {
        this.data = data;
        this.error = undefined;
    }

    /** No reply that is under way counts any more. */
    close(): void {
        this.generation += 1;
        clearTimeout(this.timer);
    }

    private async run(generation: number): Promise<void> {
        this.last = performance.now();
        try {
            const data = await this.load();
            this.cost = performance.now() - this.last;
            if (generation !== this.generation) return;
            this.set(data);
        } catch (error) {
            if (generation !== this.generation) return;
            this.error = error instanceof RefusedError ? error : new RefusedError('bug', String(error));
        }
        this.loading = false;
        if (this.again) {
            this.again = false;
            this.reload();
        }
    }
}
