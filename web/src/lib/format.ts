// Numbers and times for people. Pure: the current time is an argument.

/** "0.4 s", "12 s", "3 min 05 s", "1 h 02 min", "2 d 3 h", with no-break spaces; "" for null. */
export function duration(ms: number | null | undefined): string {
    return plainDuration(ms).replaceAll(' ', '\u00a0');
}

/** Of one test: what is short is told exactly. "3 ms", "0.4 s". */
export function testDuration(ms: number | null | undefined): string {
    return ms !== null && ms !== undefined && ms >= 0 && ms < 100 ? `${Math.round(ms)}\u00a0ms` : duration(ms);
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

/** "1,204", "3.25", "0.004": at most four digits that say something behind the point. */
export function numberText(value: number): string {
    if (!Number.isFinite(value)) return String(value);
    const size = Math.abs(value);
    const digits = size >= 1000 ? 0 : size >= 100 ? 1 : size >= 1 ? 2 : 4;
    return value.toLocaleString('en-GB', { maximumFractionDigits: digits });
}

/** A metric's value with its unit, which its name tells. */
export function metricText(name: string, value: number): string {
    if (name.startsWith('coverage.')) return `${value.toFixed(1)} %`;
    if (name === 'tests.seconds') return duration(value * 1000);
    return numberText(value);
}

/** "+2", "−0.5 %", "±0": what a metric changed by. */
export function changeText(name: string, value: number, base: number): string {
    const difference = value - base;
    const text = metricText(name, Math.abs(difference));
    if (/^[0.,]*(?:\u00a0| )?(?:%|s)?$/.test(text)) return '±0';
    return (difference > 0 ? '+' : '−') + text;
}

/** 1: more is better; -1: less is; 0: nobody knows. */
export function direction(name: string): 1 | -1 | 0 {
    if (name.startsWith('coverage.') || name === 'tests.passed' || name === 'findings.fixed') return 1;
    if (/^findings\./.test(name) || /^tests\.(failed|flaky|seconds|skipped)$/.test(name)) return -1;
    return 0;
}

/** The address when a browser may be sent there by a link: what a pipeline wrote may be `javascript:`. */
export function webAddress(text: string): string | undefined {
    try {
        const url = new URL(text);
        return url.protocol === 'https:' || url.protocol === 'http:' ? url.href : undefined;
    } catch {
        return undefined;
    }
}

const pad = (value: number): string => String(value).padStart(2, '0');
