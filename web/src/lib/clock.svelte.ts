// The current time as state: what shows "3 min ago" follows it.
import { session } from './session.svelte';

class Clock {
    #local = $state(Date.now());

    constructor() {
        setInterval(() => {
            if (!document.hidden) this.#local = Date.now();
        }, 1000);
        document.addEventListener('visibilitychange', () => (this.#local = Date.now()));
    }

    /** By the server's clock, milliseconds. */
    get now(): number {
        return this.#local + session.skewMs;
    }
}

export const clock = new Clock();
