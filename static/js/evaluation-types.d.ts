/** Evaluations as the API tells of them, for the type checker only. */

export type JobState = "queued" | "running" | "succeeded" | "failed" | "cancelled";
export type Scalar = string | number | boolean | null;
export type ParameterValue = Scalar | Scalar[];
export type ConditionValue = string | number;

/** The part of JSON schema that pydantic makes of an experiment's parameters. */
export interface Schema {
  type?: string; title?: string; description?: string; default?: unknown; enum?: Scalar[]; const?: Scalar;
  minimum?: number; maximum?: number; exclusiveMinimum?: number; exclusiveMaximum?: number; multipleOf?: number;
  minItems?: number; maxItems?: number; items?: Schema | boolean; prefixItems?: Schema[];
  anyOf?: Schema[]; oneOf?: Schema[]; allOf?: Schema[]; $ref?: string;
  properties?: Record<string, Schema>; $defs?: Record<string, Schema>;
  pattern?: string; minLength?: number; maxLength?: number;
}

export interface PlotSpec {
  kind: "line" | "bar" | "heatmap"; x: string; x_label: string; y_label: string; metric: string;
  series: string[]; y: string | null;
}
export interface ExperimentModel { name: string; ready: boolean; supported: boolean; why: string | null }
export interface ExperimentFacts {
  name: string; title: string; paper: string; summary: string; look_for: string;
  needs: string[]; metrics: Record<string, string>; plot: PlotSpec; incremental: boolean; parameters: Schema; models: ExperimentModel[];
}
export interface DatasetFacts {
  name: string; title?: string; kind: string | null; deletable?: boolean; source: "sample" | "server"; images: number | null; classes: string[] | number | null;
  has_labels: boolean | null; has_masks: boolean | null; fingerprint: string | null; description?: string; credit?: string; licence?: string;
  problem: string | null;
}

export interface JobRequest {
  experiment: string; models: string[]; dataset: string; params: Record<string, ParameterValue>; seed: number;
}
export interface Estimate { images: number; forwards: number; shards: number; seconds: number; basis: "measured" | "guess" }
export interface JobProgress { done: number; total: number; images_per_s: number | null; eta_s: number | null }
export interface Job {
  id: string; experiment: string; title: string; models: string[];
  dataset: { name: string; fingerprint: string | null; images: number; classes: string[] | number | null };
  params: Record<string, ParameterValue>; seed: number; state: JobState;
  created_at: string; started_at: string | null; finished_at: string | null;
  progress: JobProgress; error: { code: string; detail: string } | null; cancel_requested: boolean;
  failed_images: number; links: { self: string; events: string; result: string; page: string };
}
export interface JobList { jobs: Job[]; next: string | null }

export interface Row {
  model: string; condition: Record<string, ConditionValue>; metric: string; value: number | null;
  standard_error: number | null; low95: number | null; high95: number | null; images: number; runs: number;
  paper: { value: number; source: string } | null;
}
export interface FailedImage { path: string; error: string }
export interface ResultModel {
  name: string; title: string; weights_sha256: string | null; preprocessing: string; precision: string; device: string;
  images: number; seconds: number;
}
export interface Result {
  experiment: string; title: string; paper: string; params: Record<string, ParameterValue>; seed: number;
  dataset: { name: string; kind: string; fingerprint: string | null; images: number; classes: string[] | number | null };
  models: ResultModel[]; versions: Record<string, string>; rows: Row[]; failed: FailedImage[]; plot: PlotSpec;
  metrics: Record<string, string>; command: string; created_at: string; seconds: number;
}

export type Connection = "connecting" | "open" | "reconnecting";
export interface JobListener {
  onJob: (job: Job) => void;
  onRows: (rows: Row[], images: number) => void;
  onConnection: (connection: Connection) => void;
  onEnd: () => void;
}

export interface ChartPoint { x: number; y: number; low: number | null; high: number | null; row: Row }
/** A curve: slot tells its colour, dash its pattern; `paper` curves are a paper's numbers. */
export interface ChartSeries { key: string; title: string; slot: number; dash: number; paper: boolean; points: ChartPoint[] }
export interface ChartData {
  kind: "line" | "bar"; series: ChartSeries[]; ticks: string[] | null; xLabel: string; yLabel: string; percent: boolean; doubling: boolean; sources: string[];
}
