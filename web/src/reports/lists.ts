// The calls behind the lists of a job's reports.
import { api, ask } from '../api/client';
import type { FileCoverage, Finding, TestCase } from '../api/types';
import type { Part } from './paged.svelte';

type ReportName = 'tests' | 'findings' | 'coverage';

export interface Question {
    job: number;
    /** All shards of the job as one. */
    whole: boolean;
    query: Record<string, string | boolean | undefined>;
}

async function part<T>(name: ReportName, question: Question, offset: number, limit: number): Promise<Part<T>> {
    const filled = Object.fromEntries(Object.entries(question.query).filter(([, value]) => value !== undefined && value !== ''));
    const reply = await ask(api.GET('/api/v1/jobs/{job}/reports/{name}', {
        params: {
            path: { job: question.job, name },
            query: { offset, limit, shards: question.whole ? 'all' as const : 'own' as const, ...filled },
        },
    }));
    return { items: reply.items as T[], total: reply.total };
}

export const loadTests = (question: Question) => (offset: number, limit: number): Promise<Part<TestCase>> =>
    part('tests', question, offset, limit);
export const loadFindings = (question: Question) => (offset: number, limit: number): Promise<Part<Finding>> =>
    part('findings', question, offset, limit);
export const loadCoverage = (question: Question) => (offset: number, limit: number): Promise<Part<FileCoverage>> =>
    part('coverage', question, offset, limit);

/** "src/a.c:3:7". */
export function placeOf(item: { file?: string | undefined; line?: number | undefined; column?: number | undefined }): string {
    if (!item.file) return '';
    if (!item.line) return item.file;
    return item.column ? `${item.file}:${item.line}:${item.column}` : `${item.file}:${item.line}`;
}
