// Whether live updates arrive. A blip is not worth a word; a few seconds are.

const graceMs = 4000;

class Live {
    interrupted = $state(false);
    #timer: ReturnType<typeof setTimeout> | undefined;

    note(connected: boolean): void {
        clearTimeout(this.#timer);
        this.#timer = undefined;
        if (connected) this.interrupted = false;
        else this.#timer = setTimeout(() => (this.interrupted = true), graceMs);
    }
}

export const live = new Live();
