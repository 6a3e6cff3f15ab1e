// The stream of state changes. One per page; it sleeps while the tab is hidden, because a browser opens
// only six connections to a server for all tabs together.
import type { ServerEvent } from './types';

export interface Watch {
    project?: string;
    run?: number;
}

export interface Watcher {
    onEvent(event: ServerEvent): void;
    /** The stream (re)connected or the tab became visible: anything may have changed in between. */
    onGap(): void;
    onConnected?(connected: boolean): void;
}

const names = ['run.created', 'run.grown', 'run.finished', 'job.changed', 'agent.changed', 'project.created', 'project.changed', 'gate.approved'];
const firstDelayMs = 1000;
const longestDelayMs = 30_000;
const hiddenPollMs = 30_000;

/** Watches until the returned function is called. */
export function watch(what: Watch, watcher: Watcher): () => void {
    let source: EventSource | undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let poll: ReturnType<typeof setInterval> | undefined;
    let delay = firstDelayMs;
    let last = '';
    let opened = false;

    const receive = (message: MessageEvent<string>): void => {
        last = message.lastEventId || last;
        try {
            watcher.onEvent(JSON.parse(message.data) as ServerEvent);
        } catch {
            watcher.onGap();  // not an event we understand: look at the objects instead
        }
    };
    const connect = (): void => {
        source = new EventSource(address(what, last));
        source.onopen = () => {
            delay = firstDelayMs;
            watcher.onConnected?.(true);
            if (opened) watcher.onGap();
            opened = true;
        };
        source.onmessage = receive;
        for (const name of names) source.addEventListener(name, receive as (event: Event) => void);
        source.onerror = () => {
            watcher.onConnected?.(false);
            // While CONNECTING the browser retries by itself with Last-Event-ID.
            if (source?.readyState !== EventSource.CLOSED) return;
            timer = setTimeout(connect, delay);
            delay = Math.min(delay * 2, longestDelayMs);
        };
    };
    const disconnect = (): void => {
        source?.close();
        source = undefined;
        clearTimeout(timer);
        clearInterval(poll);
    };
    const onVisibility = (): void => {
        disconnect();
        if (document.hidden) {
            poll = setInterval(() => watcher.onGap(), hiddenPollMs);  // title and icon stay true
            return;
        }
        connect();
    };
    const onShown = (event: PageTransitionEvent): void => {
        if (event.persisted) onVisibility();
    };
    document.addEventListener('visibilitychange', onVisibility);
    // A page that the browser keeps for the back button must not keep a connection.
    window.addEventListener('pagehide', disconnect);
    window.addEventListener('pageshow', onShown);
    if (document.hidden) onVisibility();
    else connect();
    return () => {
        document.removeEventListener('visibilitychange', onVisibility);
        window.removeEventListener('pagehide', disconnect);
        window.removeEventListener('pageshow', onShown);
        disconnect();
    };
}

function address(what: Watch, last: string): string {
    const query = new URLSearchParams();
    if (what.project !== undefined) query.set('project', what.project);
    if (what.run !== undefined) query.set('run', String(what.run));
    if (last !== '') query.set('after', last);
    const text = query.toString();
    return '/api/v1/events' + (text === '' ? '' : `?${text}`);
}
