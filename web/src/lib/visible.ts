// Makes characters visible that would otherwise reorder or hide what is shown: a branch called
// "main\u202e…" must not read as another branch. Text is only ever set as text, never as HTML.

export interface Piece {
    text: string;
    /** Set when `text` stands for a control character: what it is. */
    control?: string;
}

const names: Record<number, string> = {
    0x061c: 'ARABIC LETTER MARK', 0x200b: 'ZERO WIDTH SPACE', 0x200e: 'LEFT-TO-RIGHT MARK',
    0x200f: 'RIGHT-TO-LEFT MARK', 0x202a: 'LEFT-TO-RIGHT EMBEDDING',
    0x202b: 'RIGHT-TO-LEFT EMBEDDING', 0x202c: 'POP DIRECTIONAL FORMATTING',
    0x202d: 'LEFT-TO-RIGHT OVERRIDE', 0x202e: 'RIGHT-TO-LEFT OVERRIDE', 0x2060: 'WORD JOINER',
    0x2066: 'LEFT-TO-RIGHT ISOLATE', 0x2067: 'RIGHT-TO-LEFT ISOLATE',
    0x2068: 'FIRST STRONG ISOLATE', 0x2069: 'POP DIRECTIONAL ISOLATE', 0xfeff: 'BYTE ORDER MARK',
    0x1b: 'ESCAPE', 0x00: 'NULL', 0x0d: 'CARRIAGE RETURN', 0x0a: 'LINE FEED',
};

// Not the zero-width joiners U+200C and U+200D: scripts and emoji need them and they reorder nothing.
const marked =
    // eslint-disable-next-line no-control-regex
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u202a-\u202e\u2028\u2029\u2060-\u206f\ufeff]|[\u{e0000}-\u{e007f}]/gu;

export function isPlain(text: string): boolean {
    return text.search(marked) === -1;  // not test(): it would move a global expression's lastIndex
}

/** Splits `text` so that every control character is a piece of its own: "U+202E". */
export function visiblePieces(text: string): Piece[] {
    if (isPlain(text)) return text === '' ? [] : [{ text }];
    const pieces: Piece[] = [];
    let from = 0;
    for (const match of text.matchAll(marked)) {
        if (match.index > from) pieces.push({ text: text.slice(from, match.index) });
        pieces.push(controlPiece(match[0].codePointAt(0)!));
        from = match.index + match[0].length;
    }
    if (from < text.length) pieces.push({ text: text.slice(from) });
    return pieces;
}

function controlPiece(code: number): Piece {
    const id = `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
    return { text: id, control: names[code] ? `${id} ${names[code]}` : id };
}

/** The same as one string, for titles and aria labels. */
export function visibleText(text: string): string {
    return visiblePieces(text)
        .map((piece) => (piece.control ? `⟨${piece.text}⟩` : piece.text))
        .join('');
}
