// Short names for the schemas of server/api/openapi.json. schema.d.ts is made by `npm run api`.
import type { components } from './schema';

type Schemas = components['schemas'];

export type Project = Schemas['Project'];
export type Run = Schemas['Run'];
export type RunDetail = Schemas['RunDetail'];
export type RunList = Schemas['RunList'];
export type Job = Schemas['Job'];
export type StepStatus = Schemas['StepStatus'];
export type TestReport = Schemas['TestReport'];
export type TestCase = Schemas['TestCase'];
export type Finding = Schemas['Finding'];
export type FindingReport = Schemas['FindingReport'];
export type FileCoverage = Schemas['FileCoverage'];
export type Reports = Schemas['Reports'];
export type Comparison = Schemas['Comparison'];
export type TestRecord = Schemas['TestRecord'];
export type MetricHistory = Schemas['MetricHistory'];
export type Diagnostic = Schemas['Diagnostic'];
export type Gate = Schemas['Gate'];
export type GateCheck = Schemas['GateCheck'];
export type Agent = Schemas['Agent'];
export type Token = Schemas['Token'];
export type ServerEvent = Schemas['Event'];
export type Status = Schemas['Status'];
export type Delivery = Schemas['Delivery'];
export type Schedule = Schemas['Schedule'];
export type Param = Schemas['Param'];
export type Environment = Schemas['Environment'];
export type Shell = Schemas['Shell'];
export type Deployment = Schemas['Deployment'];
export type Artifact = Schemas['Artifact'];
export type ArtifactFile = Schemas['ArtifactFiles']['files'][number];

export type RunState = Run['state'];
export type JobState = Job['state'];
export type StepState = StepStatus['state'];
export type GateColor = Gate['verdict'];
export type AgentState = Agent['state'];
/** Every word that a state badge can show. */
export type AnyState = RunState | JobState | StepState | GateColor | AgentState;
