// Who is looking. The session itself is an HttpOnly cookie that scripts cannot read; what is kept here
// is the CSRF token that writes must carry, per tab, and the role, to show only what may be done.
import type { Token } from '../api/types';

const key = 'sluice.csrf';
const channelName = 'sluice.session';
const handoverMs = 300;

class Session {
    /** The last reply said 401: pages give way to the login page. */
    signedOut = $state(false);
    who = $state.raw<Token | undefined>(undefined);
    /** Counts sign-ins: a 401 to a request from before the last one says nothing about it. */
    epoch = 0;
    /** Server clock minus ours; running durations need it when a clock is wrong. */
    skewMs = $state(0);

    get mayWrite(): boolean {
        return this.who?.role === 'write' || this.who?.role === 'admin';
    }
    get mayAdminister(): boolean {
        return this.who?.role === 'admin';
    }
}

export const session = new Session();

const channel = typeof BroadcastChannel === 'undefined' ? undefined : new BroadcastChannel(channelName);
channel?.addEventListener('message', ({ data }) => {
    const mine = sessionStorage.getItem(key);
    if (data === 'ask' && mine) channel.postMessage({ csrf: mine });
    if (typeof data?.csrf === 'string') sessionStorage.setItem(key, data.csrf);
});

export function noteSignedOut(): void {
    session.signedOut = true;
    session.who = undefined;
}

export function noteSignedIn(csrf: string): void {
    sessionStorage.setItem(key, csrf);
    session.epoch += 1;
    channel?.postMessage({ csrf });  // the cookie is every tab's: an older token no longer fits it
    session.signedOut = false;
}

export function forgetCsrf(): void {
    sessionStorage.removeItem(key);
}

export function noteServerTime(date: string | null): void {
    const skew = Date.parse(date ?? '') - Date.now();
    // The header has whole seconds; small differences are noise.
    if (!Number.isNaN(skew)) session.skewMs = Math.abs(skew) > 5000 ? skew : 0;
}

/** This tab's CSRF token; a fresh tab gets it from another one of this site. "" when there is none. */
export async function csrfToken(): Promise<string> {
    const mine = sessionStorage.getItem(key);
    if (mine || !channel) return mine ?? '';
    return new Promise((resolve) => {
        const finish = (csrf: string): void => {
            channel.removeEventListener('message', listen);
            clearTimeout(timer);
            resolve(csrf);
        };
        const listen = ({ data }: MessageEvent): void => {
            if (typeof data?.csrf === 'string') finish(data.csrf);
        };
        const timer = setTimeout(() => finish(''), handoverMs);
        channel.addEventListener('message', listen);
        channel.postMessage('ask');
    });
}
