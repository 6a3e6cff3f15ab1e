// What the log view shows, in order: headings of steps and groups, and the rows that aren't folded away.
import type { StepStatus } from '../api/types';
import type { LogWindow, Row } from './window';
import { lowerBound } from './window';

export interface Section {
    /** Stable while the log grows: "step:2", "group:81920". */
    id: string;
    kind: 'step' | 'group';
    title: string;
    offset: number;
    level: number;
    step: StepStatus | undefined;
    /** Row that carries the group's marker. */
    row: Row | undefined;
    folded: boolean;
    /** Rows inside, shown or not. */
    rows: number;
    errors: number;
}

/** A number ≥ 0 is an index into window.rows, below 0 it is section −1 − n. */
export type Item = number;

export interface Layout {
    items: Item[];
    sections: Section[];
}

export interface LayoutOptions {
    steps: readonly StepStatus[];
    /** What the reader folded or opened by hand, by section id. */
    chosen: ReadonlyMap<string, boolean>;
    /** Fold passed steps: the job went wrong and the reader looks for the step that failed. */
    foldPassed: boolean;
}

/** Lays out a window. Linear in its rows; call it once a frame at most. */
export function layOut(window: LogWindow, options: LayoutOptions): Layout {
    const steps = placedSteps(options.steps);
    const items: Item[] = [];
    const sections: Section[] = [];
    const stack: Section[] = [];
    let hidden = 0;  // folded sections on the stack
    let nextStep = firstStep(steps, window.begin);

    const close = (): void => {
        if (stack.pop()!.folded) hidden -= 1;
    };
    const openSection = (section: Section): void => {
        sections.push(section);
        if (hidden === 0) items.push(-sections.length);
        stack.push(section);
        if (section.folded) hidden += 1;
    };
    const beginSteps = (offset: number): void => {
        for (; nextStep < steps.length && steps[nextStep]!.begin <= offset; nextStep += 1) {
            while (stack.length > 0) close();
            openSection(stepSection(steps[nextStep]!, options));
        }
        const step = stack[0];
        if (step?.kind === 'step' && offset >= endOf(step.step!)) while (stack.length > 0) close();
    };

    window.rows.forEach((row, index) => {
        beginSteps(row.offset);
        const marker = row.marker;
        if (marker?.kind === 'end') {
            closeGroup(stack, marker.id, close);
            return;
        }
        if (marker?.kind === 'group') {
            if (marker.flat && markerOfGroup(top(stack))?.flat) close();
            openSection(groupSection(row, stack.length, options));
            return;
        }
        for (const section of stack) {
            section.rows += 1;
            if (marker?.kind === 'note' && marker.level === 'error') section.errors += 1;
        }
        if (hidden === 0) items.push(index);
    });
    if (window.rows.length > 0) beginSteps(window.end);
    // A group that is still being written, or that holds an error, is worth seeing at once.
    const reopened = sections.filter((section) =>
        section.kind === 'group' && section.folded && !options.chosen.has(section.id) &&
        (section.errors > 0 || stack.includes(section)));
    if (reopened.length === 0) return { items, sections };
    const chosen = new Map(options.chosen);
    for (const section of reopened) chosen.set(section.id, false);
    return layOut(window, { ...options, chosen });
}

interface PlacedStep {
    index: number;
    begin: number;
    step: StepStatus;
}

/** Steps that have begun, by offset. */
function placedSteps(steps: readonly StepStatus[]): PlacedStep[] {
    return steps
        .map((step, index) => ({ index, begin: step.log_begin, step }))
        .filter(({ step }) => step.state !== 'pending' && step.state !== 'skipped')
        .sort((a, b) => a.begin - b.begin || a.index - b.index);
}

const endOf = (step: StepStatus): number => (step.state === 'running' ? Infinity : step.log_end);

/** The first step that reaches into a window: the one that began before it counts if it goes on there. */
function firstStep(steps: readonly PlacedStep[], begin: number): number {
    const at = lowerBound(steps.length, (i) => steps[i]!.begin >= begin);
    const before = steps[at - 1];
    return before && endOf(before.step) > begin ? at - 1 : at;
}

function stepSection({ index, begin, step }: PlacedStep, options: LayoutOptions): Section {
    const id = `step:${index}`;
    const folded = options.chosen.get(id) ?? (options.foldPassed && step.state === 'passed');
    return {
        id, kind: 'step', title: step.name, offset: begin, level: 0, step, row: undefined, folded, rows: 0, errors: 0,
    };
}

function groupSection(row: Row, level: number, options: LayoutOptions): Section {
    const marker = row.marker as Extract<Row['marker'], { kind: 'group' }>;
    const id = `group:${row.offset}`;
    return {
        id, kind: 'group', title: marker.title, offset: row.offset, level, step: undefined, row,
        folded: options.chosen.get(id) ?? !marker.open, rows: 0, errors: 0,
    };
}

const top = (stack: readonly Section[]): Section | undefined => stack[stack.length - 1];

const markerOfGroup = (section: Section | undefined): { id?: string; flat: boolean } | undefined => {
    const marker = section?.row?.marker;
    return marker?.kind === 'group' ? marker : undefined;
};

/** An end marker closes the innermost group, or, with an id, the one of that id and what is inside. */
function closeGroup(stack: Section[], id: string | undefined, close: () => void): void {
    if (id === undefined) {
        if (top(stack)?.kind === 'group') close();
        return;
    }
    if (!stack.some((section) => markerOfGroup(section)?.id === id)) return;
    while (markerOfGroup(top(stack))?.id !== id) close();
    close();
}

/** The byte offset of an item, for keeping the reader's place when the window changes. */
export function offsetOf(layout: Layout, window: LogWindow, item: Item): number {
    return item >= 0 ? window.rows[item]!.offset : layout.sections[-1 - item]!.offset;
}

/** Index of the first item at or after a byte offset. */
export function itemAt(layout: Layout, window: LogWindow, offset: number): number {
    return lowerBound(layout.items.length, (i) => offsetOf(layout, window, layout.items[i]!) >= offset);
}

/** Ids of the folded sections that hide a byte offset. */
export function hidingSections(layout: Layout, window: LogWindow, offset: number): string[] {
    const hiding: string[] = [];
    for (const section of layout.sections) {
        if (section.offset > offset) break;
        if (section.folded && (section.step ? offset < endOf(section.step) : true)) hiding.push(section.id);
    }
    const at = itemAt(layout, window, offset);
    const item = layout.items[at];
    const shown = item !== undefined && item >= 0 && window.rows[item]!.offset === offset;
    return shown ? [] : hiding;
}
