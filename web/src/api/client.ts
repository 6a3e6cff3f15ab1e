// The one place that talks to the REST API. Paths and bodies are typed by the OpenAPI document.
import createClient, { type Middleware } from 'openapi-fetch';
import type { paths } from './schema';
import { csrfToken, forgetCsrf, noteServerTime, noteSignedOut, session } from '../lib/session.svelte';

/** A refusal of the server, or of the network (`unreachable`). */
export class RefusedError extends Error {
    constructor(
        /** Stable word: not_found, unauthorized, … */
        readonly code: string,
        message: string,
        readonly where = '',
        readonly status = 0,
    ) {
        super(message);
    }
}

export const api = createClient<paths>({ baseUrl: '/' });

const epochs = new WeakMap<Request, number>();

const middleware: Middleware = {
    async onRequest({ request }) {
        epochs.set(request, session.epoch);
        if (request.method === 'GET') return undefined;
        const csrf = await csrfToken();
        if (csrf !== '') request.headers.set('X-CSRF', csrf);
        return undefined;
    },
    onResponse({ request, response, schemaPath }) {
        noteServerTime(response.headers.get('Date'));
        // A slow 401 to a request from before the sign-in must not end the session that has begun since.
        const current = epochs.get(request) === session.epoch;
        if (response.status === 401 && current && schemaPath !== '/api/v1/session') noteSignedOut();
        return undefined;
    },
};
api.use(middleware);

interface Outcome<T> {
    data?: T | undefined;
    error?: unknown;
    response: Response;
}

/** The body of a reply; throws RefusedError with the server's own words otherwise. */
export async function ask<T>(call: Promise<Outcome<T>>): Promise<T> {
    let outcome: Outcome<T>;
    try {
        outcome = await call;
    } catch {
        throw new RefusedError('unreachable', 'The server cannot be reached.');
    }
    const { data, error, response } = outcome;
    if (response.ok) return data as T;
    if ((error as { error?: unknown } | undefined)?.error === 'csrf') forgetCsrf();
    throw refusal(response.status, error);
}

/** The same for a reply that was fetched by hand. */
export async function refusalOf(response: Response): Promise<RefusedError> {
    if (response.status === 401) noteSignedOut();
    return refusal(response.status, await response.json().catch(() => undefined));
}

function refusal(status: number, body: unknown): RefusedError {
    const { error, message, where } = (body ?? {}) as Record<string, unknown>;
    if (typeof error === 'string' && typeof message === 'string') {
        return new RefusedError(error, message, typeof where === 'string' ? where : '', status);
    }
    return new RefusedError('unexpected', `The server answered with status ${status}.`, '', status);
}
