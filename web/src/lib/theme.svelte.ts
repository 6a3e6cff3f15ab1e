// Light or dark: the system's choice until the reader makes one.

export type Theme = 'system' | 'light' | 'dark';

const key = 'sluice.theme';
const order: Theme[] = ['system', 'light', 'dark'];

class ThemeChoice {
    value = $state<Theme>(stored());

    constructor() {
        this.#apply();
    }

    next(): void {
        this.value = order[(order.indexOf(this.value) + 1) % order.length]!;
        localStorage.setItem(key, this.value);
        this.#apply();
    }

    #apply(): void {
        if (this.value === 'system') delete document.documentElement.dataset.theme;
        else document.documentElement.dataset.theme = this.value;
    }
}

function stored(): Theme {
    const value = localStorage.getItem(key) as Theme | null;
    return value && order.includes(value) ? value : 'system';
}

export const theme = new ThemeChoice();
