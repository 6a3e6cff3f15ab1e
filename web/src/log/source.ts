// Reads a job's log: ranges by HTTP Range, and what is being written by server-sent events.
import { RefusedError, refusalOf } from '../api/client';

export interface LogPart {
    bytes: Uint8Array;
    /** Offset of the first byte. */
    from: number;
    /** Size of the log when this was read. */
    total: number;
    /** Nothing more will be written. */
    complete: boolean;
}

export const logUrl = (job: number, attempt?: number): string =>
    `/api/v1/jobs/${job}/log` + (attempt === undefined ? '' : `?attempt=${attempt}`);

/** Bytes [from, to) of a log, fewer at its end. Throws RefusedError when the server says no. */
export async function readRange(
    job: number, from: number, to: number, options: { attempt?: number; signal?: AbortSignal } = {},
): Promise<LogPart> {
    const reply = await fetch(logUrl(job, options.attempt), {
        headers: { Range: `bytes=${from}-${Math.max(from, to - 1)}` },
        signal: options.signal ?? null,
    });
    const complete = reply.headers.get('X-Log-Complete') === 'true';
    const size = sizeFrom(reply.headers.get('Content-Range'));
    if (reply.status === 416) return { bytes: new Uint8Array(), from: size ?? 0, total: size ?? 0, complete };
    if (!reply.ok) throw await refusalOf(reply);
    const bytes = new Uint8Array(await reply.arrayBuffer());
    if (reply.status === 206) return { bytes, from, total: size ?? from + bytes.length, complete };
    // An empty log has no ranges, and a proxy may drop the header: the reply is the whole log.
    return { bytes: bytes.subarray(from, to), from: Math.min(from, bytes.length), total: bytes.length, complete };
}

function sizeFrom(contentRange: string | null): number | undefined {
    const match = /\/([0-9]+)$/.exec(contentRange ?? '');
    return match ? Number(match[1]) : undefined;
}

export interface Follower {
    /** Text at the log's end; `end` is the byte offset after it. */
    onText(text: string, end: number): void;
    /** A new attempt has begun: its log is another one. */
    onRestart(): void;
    /** The job has ended and all of its log was sent. */
    onEnd(): void;
    onConnected(connected: boolean): void;
}

const firstDelayMs = 500;
const longestDelayMs = 15_000;

/** Follows a log from `offset` until it ends or the returned function is called. */
export function follow(job: number, offset: number, follower: Follower): () => void {
    let source: EventSource | undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let delay = firstDelayMs;
    let at = offset;
    let stopped = false;

    const stop = (): void => {
        stopped = true;
        source?.close();
        clearTimeout(timer);
    };
    const connect = (): void => {
        source = new EventSource(`/api/v1/jobs/${job}/log/stream?offset=${at}`);
        source.onopen = () => {
            delay = firstDelayMs;
            follower.onConnected(true);
        };
        source.addEventListener('log', (event) => {
            const end = Number(event.lastEventId);
            if (!Number.isSafeInteger(end) || end === at) return;  // a repetition after a reconnect
            if (end < at) {
                stop();
                return follower.onRestart();
            }
            at = end;
            follower.onText(JSON.parse(event.data) as string, end);
        });
        source.addEventListener('end', () => {
            stop();
            follower.onEnd();
        });
        source.onerror = () => {
            follower.onConnected(false);
            // The browser reconnects by itself with Last-Event-ID, except after a refusal.
            if (stopped || source?.readyState !== EventSource.CLOSED) return;
            timer = setTimeout(connect, delay);
            delay = Math.min(delay * 2, longestDelayMs);
        };
    };
    connect();
    return stop;
}

/**
 * The bytes that a piece of streamed text stands for. The stream is JSON, so broken UTF-8 arrives as
 * U+FFFD, three bytes for one: written as a lone 0xFF they keep row offsets within the real length.
 */
export function bytesOf(text: string, length: number): Uint8Array {
    const encoded = new TextEncoder().encode(text);
    if (encoded.length <= length) return encoded;
    const shorter = new Uint8Array(encoded.length);
    let to = 0;
    for (let at = 0; at < encoded.length; at += 1) {
        const replaced = encoded[at] === 0xef && encoded[at + 1] === 0xbf && encoded[at + 2] === 0xbd;
        shorter[to] = replaced ? 0xff : encoded[at]!;
        to += 1;
        if (replaced) at += 2;
    }
    return shorter.subarray(0, to);
}

type ReadOptions = { attempt?: number; signal?: AbortSignal };

/** Counts the line feeds in bytes [0, end) without keeping them. */
export async function countLinesBefore(job: number, end: number, options: ReadOptions = {}): Promise<number> {
    let count = 0;
    await scan(job, end, options, (bytes) => {
        for (let at = bytes.indexOf(lineFeed); at !== -1; at = bytes.indexOf(lineFeed, at + 1)) count += 1;
        return true;
    });
    return count;
}

/** The byte offset of a line (from 1) in a log of `size` bytes; undefined when it has fewer. */
export async function locateLine(
    job: number, line: number, size: number, options: ReadOptions = {},
): Promise<number | undefined> {
    let left = line - 1;
    let offset = 0;
    let found = left === 0 ? 0 : undefined;
    if (found !== undefined) return found;
    await scan(job, size, options, (bytes) => {
        for (let at = bytes.indexOf(lineFeed); at !== -1; at = bytes.indexOf(lineFeed, at + 1)) {
            left -= 1;
            if (left > 0) continue;
            found = offset + at + 1;
            return false;
        }
        offset += bytes.length;
        return true;
    });
    return found !== undefined && found < size ? found : undefined;
}

const lineFeed = 10;

/** Reads bytes [0, end) piece by piece until `take` returns false. */
async function scan(
    job: number, end: number, options: ReadOptions, take: (bytes: Uint8Array) => boolean,
): Promise<void> {
    const reply = await fetch(logUrl(job, options.attempt), {
        headers: { Range: `bytes=0-${end - 1}` },
        signal: options.signal ?? null,
    });
    if (!reply.ok) throw await refusalOf(reply);
    if (!reply.body) throw new RefusedError('unexpected', 'The log cannot be read in parts.');
    const reader = reply.body.getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
        if (take(part.value)) continue;
        await reader.cancel();
        return;
    }
}
