// Numbers and times for people. Pure: the current time is an argument.

/** "0.4 s", "12 s", "3 min 05 s", "1 h 02 min", "2 d 3 h", with no-break spaces; "" for null. */
export function duration(ms: number | null | undefined): string {
    return plainDuration(ms).replaceAll(' ', '\u00a0');
}

function plainDuration(ms: number | null | undefined): string {
    if (ms === null || ms === undefined || !Number.isFinite(ms)) return '';
    const clamped = Math.max(0, ms);
    if (clamped < 950) return `${(clamped / 1000).toFixed(1)} s`;
    const seconds = Math.round(clamped / 1000);
    if (seconds < 60) return `${seconds} s`;
    const minutes = Math.floor(seconds / 60);
    if (minutes < 60) return `${minutes} min ${pad(seconds % 60)} s`;
    const hours = Math.floor(minutes / 60);
    if (hours < 48) return `${hours} h ${pad(minutes % 60)} min`;
    return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** "just now", "3 min ago", "in 2 h", else the date. */
export function relativeTime(iso: string | null | undefined, now: number): string {
    if (!iso) return 'never';
    const at = Date.parse(iso);
    if (Number.isNaN(at)) return iso;
    const seconds = Math.round((now - at) / 1000);
    const size = Math.abs(seconds);
    if (size < 10) return 'just now';
    const text = distance(size);
    if (text === null) return iso.slice(0, 10);
    return seconds < 0 ? `in ${text}` : `${text} ago`;
}

function distance(seconds: number): string | null {
    if (seconds < 60) return `${seconds} s`;
    if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
    if (seconds < 36 * 3600) return `${Math.floor(seconds / 3600)} h`;
    if (seconds < 30 * 86400) return `${Math.floor(seconds / 86400)} days`;
    return null;
}

/** The exact moment in the reader's zone and in UTC, for tooltips. */
export function exactTime(iso: string): string {
    const at = new Date(iso);
    if (Number.isNaN(at.getTime())) return iso;
    const local = at.toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
    return `${local} (${at.toISOString().replace('.000Z', 'Z')})`;
}

/** "512 B", "1.0 KiB", "99.5 MiB". */
export function bytes(count: number): string {
    if (count < 1024) return `${count} B`;
    const units = ['KiB', 'MiB', 'GiB', 'TiB'];
    let value = count;
    let unit = -1;
    while (value >= 1024 && unit < units.length - 1) {
        value /= 1024;
        unit += 1;
    }
    return `${value.toFixed(value < 100 ? 1 : 0)} ${units[unit]}`;
}

export const shortSha = (sha: string): string => sha.slice(0, 9);

/** First line of a commit message. */
export const firstLine = (text: string): string => text.split('\n', 1)[0] ?? '';

/** "1 job", "2 jobs". */
export const plural = (count: number, word: string): string =>
    `${count} ${word}${count === 1 ? '' : 's'}`;

const pad = (value: number): string => String(value).padStart(2, '0');
