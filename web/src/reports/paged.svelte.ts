// A long list of which only the parts that are on the screen are fetched.
import { RefusedError } from '../api/client';

export interface Part<T> {
    items: T[];
    total: number;
}

const pageSize = 200;
const pagesKept = 40;

export class PagedList<T> {
    /** Of all items that match; undefined until the first answer. */
    total = $state<number | undefined>(undefined);
    error = $state.raw<RefusedError | undefined>(undefined);
    /** Rises with every answer: whoever reads items reads it first. */
    version = $state(0);

    private pages = new Map<number, T[]>();
    private asked = new Set<number>();
    private closed = false;

    /** One list for one question: another filter is another list. */
    constructor(private load: (offset: number, limit: number) => Promise<Part<T>>) {
        this.want(0, 1);
    }

    at(index: number): T | undefined {
        return this.pages.get(Math.floor(index / pageSize))?.[index % pageSize];
    }

    /** Fetches what is missing of [first, last). */
    want(first: number, last: number): void {
        for (let page = Math.floor(first / pageSize); page * pageSize < last; page += 1) {
            if (this.pages.has(page) || this.asked.has(page)) continue;
            if (page > 0 && this.total !== undefined && page * pageSize >= this.total) continue;
            this.asked.add(page);
            void this.fetch(page);
        }
    }

    retry(): void {
        this.error = undefined;
        this.want(0, 1);
    }

    close(): void {
        this.closed = true;
    }

    private async fetch(page: number): Promise<void> {
        try {
            const part = await this.load(page * pageSize, pageSize);
            if (this.closed) return;
            this.pages.set(page, part.items);
            this.total = part.total;
            // The oldest ones go: a Map remembers the order.
            for (const old of this.pages.keys()) {
                if (this.pages.size <= pagesKept) break;
                if (old !== page) this.pages.delete(old);
            }
            this.error = undefined;
            this.version += 1;
        } catch (error) {
            if (this.closed) return;
            this.error = error instanceof RefusedError ? error : new RefusedError('bug', String(error));
        } finally {
            this.asked.delete(page);
        }
    }
}
