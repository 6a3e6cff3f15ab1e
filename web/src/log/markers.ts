// Recognises the lines by which tools fold and annotate logs: GitHub's `::group::` and `::error::`,
// GitLab's section_start/section_end, Buildkite's `---`, `+++`, `~~~`, and what compilers and linters say of a line.

export type Marker =
    | { kind: 'group'; title: string; open: boolean; flat: boolean; id?: string }
    | { kind: 'end'; id?: string }
    | { kind: 'note'; level: 'error' | 'warning' | 'notice' | 'debug'; where: string; message: string };

/**
 * The marker of a row, or nothing. `raw` may hold escape sequences and carriage returns, `plain` is
 * what is shown of it. A `flat` group ends at the next flat one instead of at an end marker.
 */
export function markerOf(raw: string, plain: string): Marker | undefined {
    const text = plain.trimStart();
    if (text.startsWith('::')) return command(text);
    if (raw.includes('section_')) return section(raw, plain);
    return heading(plain) ?? diagnostic(text);
}

function command(text: string): Marker | undefined {
    if (text.startsWith('::group::')) {
        return { kind: 'group', title: text.slice(9).trim() || 'group', open: false, flat: false };
    }
    if (text.startsWith('::endgroup::')) return { kind: 'end' };
    const match = /^::(error|warning|notice|debug)( [^:]*(?::(?!:)[^:]*)*)?::(.*)$/.exec(text);
    if (!match) return undefined;
    return {
        kind: 'note',
        level: match[1] as 'error' | 'warning' | 'notice' | 'debug',
        where: position(match[2] ?? ''),
        message: unescape(match[3] ?? ''),
    };
}

/** `src/a.c:3:7: error: …` as compilers write it, and our own lines of findings. */
function diagnostic(text: string): Marker | undefined {
    const match = /^([^\s:]{1,1024}:[0-9]{1,9}(?::[0-9]{1,9})?): (?:fatal )?(error|warning|note): (.+)$/.exec(text);
    if (!match || /^[0-9]+:/.test(match[1]!)) return undefined;  // a time of day
    const level = match[2] === 'note' ? 'notice' : (match[2] as 'error' | 'warning');
    return { kind: 'note', level, where: match[1]!, message: match[3]! };
}

/** "src/a.c:3:7" of ` file=src/a.c,line=3,col=7`. */
function position(properties: string): string {
    const values = new Map<string, string>();
    for (const part of properties.trim().split(',')) {
        const at = part.indexOf('=');
        if (at > 0) values.set(part.slice(0, at).trim(), unescape(part.slice(at + 1)));
    }
    return [values.get('file'), values.get('line'), values.get('col')].filter(Boolean).join(':');
}

/** Workflow commands write `%`, CR, LF, `:` and `,` as %25 %0D %0A %3A %2C. */
function unescape(text: string): string {
    return text.replace(/%(0D|0A|3A|2C|25)/gi, (_, code: string) =>
        String.fromCharCode(parseInt(code, 16)));
}

/** `section_start:1560896352:name[collapsed=true]\r\x1b[0KTitle`. */
function section(raw: string, plain: string): Marker | undefined {
    const match = /section_(start|end):[0-9]{1,15}:([A-Za-z0-9_.-]{1,128})(\[[^\]]*\])?/.exec(raw);
    if (!match) return undefined;
    const id = match[2]!;
    if (match[1] === 'end') return { kind: 'end', id };
    const title = plain.replace(match[0], '').trim() || id;
    return { kind: 'group', title, open: !match[3]?.includes('collapsed=true'), flat: false, id };
}

/** Buildkite headings. Not the file lines of a diff ("--- a/x", "+++ b/x"). */
function heading(plain: string): Marker | undefined {
    const match = /^(---|\+\+\+|~~~) (\S.*)$/.exec(plain);
    if (!match) return undefined;
    const title = match[2]!;
    if (/^([ab]\/|\/dev\/null|"|.*\t)/.test(title) || / \d{4}-\d\d-\d\d /.test(title)) return undefined;
    return { kind: 'group', title, open: match[1] === '+++', flat: true };
}
