// Keeps a LogWindow filled: the end first, older and newer parts on demand, and live text while the job
// runs. The window itself is plain data; `version` says when it has changed.
import { RefusedError } from '../api/client';
import { bytesOf, countLinesBefore, follow, locateLine, readRange } from './source';
import { LogWindow } from './window';

const partBytes = 1 << 20;
/** Up to here line numbers are counted unasked: the bytes before the window are read once and dropped. */
const countUnaskedBytes = 32 << 20;

export class LogReader {
    version = $state(0);
    /** Size of the log as far as known. */
    total = $state(0);
    complete = $state(false);
    /** The window reaches the log's end, and live text is added. */
    attached = $state(false);
    loading = $state<'' | 'start' | 'older' | 'newer' | 'lines'>('start');
    connected = $state(true);
    numbered = $state(false);
    error = $state.raw<RefusedError | undefined>(undefined);
    window = new LogWindow();

    private stopFollowing: (() => void) | undefined;
    private abort = new AbortController();

    /** `keepPlace` carries out a change of the window while the view holds the reader's place. */
    constructor(
        private readonly job: number,
        private readonly attempt: number | undefined,
        private readonly keepPlace: (change: () => void) => void,
        private readonly onEnd: () => void,
    ) {}

    /** Shows the log's last part. */
    async openEnd(knownSize: number): Promise<void> {
        await this.reopen(async (options) => {
            let part = await readRange(this.job, Math.max(0, knownSize - partBytes), knownSize + partBytes, options);
            if (part.total > part.from + part.bytes.length) {  // it has grown a lot since
                part = await readRange(this.job, Math.max(0, part.total - partBytes), part.total + partBytes, options);
            }
            return part;
        });
        if (this.window.begin > 0 && this.window.begin <= countUnaskedBytes) void this.countLines();
    }

    async openStart(): Promise<void> {
        await this.reopen((options) => readRange(this.job, 0, partBytes, options));
    }

    /** Shows a line and what is around it; the end when there is no such line. */
    async openLine(line: number, knownSize: number): Promise<void> {
        let found: number | undefined;
        await this.reopen(async (options) => {
            found = await locateLine(this.job, line, knownSize, options);
            // A window drops what precedes its first line feed: begin with the one before the line.
            const from = Math.max(0, (found ?? knownSize - partBytes) - 1);
            return readRange(this.job, from, from + partBytes, options);
        }, () => {
            if (found === undefined) return;
            this.window.setLinesBefore(line - 1);
        });
        if (found !== undefined && !this.error) await this.loadOlder();
    }

    /** Loads the part before the window. */
    async loadOlder(): Promise<void> {
        const { begin } = this.window;
        if (this.loading !== '' || begin === 0) return;
        await this.busy('older', async (options) => {
            const from = Math.max(0, begin - partBytes);
            const { bytes } = await readRange(this.job, from, begin, options);
            this.keepPlace(() => {
                this.window.prepend(bytes, from);
                if (this.window.trimBottom() > 0) this.detach();
                this.changed();
            });
        });
    }

    /** Loads the part after a window that no longer reaches the end. */
    async loadNewer(): Promise<void> {
        if (this.loading !== '' || this.attached) return;
        await this.busy('newer', async (options) => {
            const { end } = this.window;
            const part = await readRange(this.job, end, end + partBytes, options);
            this.keepPlace(() => {
                if (part.from === end) this.window.append(part.bytes);
                this.total = part.total;
                this.complete = part.complete;
                this.window.trimTop();
                this.attachAtEnd();
                this.changed();
            });
        });
    }

    /** Counts the lines before the window, so that rows get their numbers. */
    async countLines(): Promise<void> {
        const { window } = this;
        const { begin } = window;
        await this.busy('lines', async (options) => {
            const count = await countLinesBefore(this.job, begin, options);
            // Rows may have been added above meanwhile; numbers are relative to the row at `begin`.
            const row = window.rows[window.indexAt(begin)];
            if (row && window === this.window) window.base = count + 1 - row.line;
            this.changed();
        });
    }

    close(): void {
        this.abort.abort();
        this.detach();
    }

    /** Stops and starts the live stream, e.g. while the tab is hidden. */
    pause(): void {
        this.stopFollowing?.();
        this.stopFollowing = undefined;
    }
    resume(): void {
        if (this.attached && !this.complete && !this.stopFollowing) this.startFollowing();
    }

    private async reopen(
        read: (options: { attempt?: number; signal: AbortSignal }) => Promise<{ bytes: Uint8Array; from: number; total: number; complete: boolean }>,
        then: () => void = () => {},
    ): Promise<void> {
        this.close();
        this.abort = new AbortController();
        this.loading = '';
        await this.busy('start', async (options) => {
            const part = await read(options);
            this.window = new LogWindow(part.from);
            this.window.append(part.bytes);
            then();
            this.total = part.total;
            this.complete = part.complete;
            this.attachAtEnd();
            this.changed();
        });
    }

    private async busy(
        what: typeof this.loading, work: (options: { attempt?: number; signal: AbortSignal }) => Promise<void>,
    ): Promise<void> {
        const { signal } = this.abort;
        this.loading = what;
        try {
            await work(this.attempt === undefined ? { signal } : { attempt: this.attempt, signal });
            this.error = undefined;
        } catch (error) {
            if (signal.aborted) return;
            this.error = error instanceof RefusedError
                ? error : new RefusedError('unreachable', 'The log cannot be read: the server is not reachable.');
        }
        if (!signal.aborted) this.loading = '';
    }

    private attachAtEnd(): void {
        this.attached = this.window.end >= this.total;
        if (this.attached && !this.complete && !this.stopFollowing) this.startFollowing();
    }

    private startFollowing(): void {
        // An older attempt's log is as good as complete, and the stream only carries the newest.
        if (this.attempt !== undefined) return;
        this.stopFollowing = follow(this.job, this.window.end, {
            onText: (text, end) => {
                this.keepPlace(() => {
                    this.window.append(bytesOf(text, end - this.window.end));
                    this.window.alignEnd(end);
                    this.window.trimTop();
                    this.total = Math.max(this.total, end);
                    this.changed();
                });
            },
            onRestart: () => void this.openEnd(0),
            onEnd: () => {
                this.complete = true;
                this.stopFollowing = undefined;
                this.onEnd();
            },
            onConnected: (connected) => (this.connected = connected),
        });
    }

    private detach(): void {
        this.pause();
        this.attached = false;
    }

    private changed(): void {
        this.numbered = this.window.base !== undefined;
        this.version += 1;
    }
}
