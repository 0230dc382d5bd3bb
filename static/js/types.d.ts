/** The API's answers and the page's own state, for the type checker only. */

export type Mode = "occlude" | "shuffle" | "attend" | "segment";

export interface ModelFacts {
  name: string; title: string; architecture: string; family: string;
  input_px: number; patch_px: number | null; grid: string;
  depth: number; heads: number; tokens: string[]; prefix_tokens: number;
  num_classes: number; labels: string | null; preprocessing: string;
  resize_px: number; crop_px: number; squash: boolean;
  paper: string; note: string; licence: string;
  ready: boolean; loaded: boolean; pull: string | null;
  card: Record<string, unknown> | null;
}
export interface ModelList { default: string[]; saliency_default: string | null; models: ModelFacts[] }

export interface ClassProbability { index: number; label: string; probability: number }
export interface ModelHead { model: string; title: string; precision: string; protocol: string; labels: string | null }
export interface Variant {
  top: ClassProbability[]; clean_class_probability: number; prediction_kept: boolean; image?: string | null;
}
export interface OccludedVariant extends Variant {
  ratio: number | null; seed: number | null; dropped_patches: number; patches: number;
  information_loss: number; attention_mass: number | null;
}
export interface OccludedModel extends ModelHead { grid: string; clean: { top: ClassProbability[] }; results: OccludedVariant[] }
export interface ShuffledVariant extends Variant { grid: string; seed: number; cells: number }
export interface ShuffledModel extends ModelHead { clean: { top: ClassProbability[] }; results: ShuffledVariant[] }
export interface AttentionMap { layer: number; head: number | null; weights: number[][]; patch_mass: number; overlay: string }
export interface AttendingModel extends ModelHead { grid: string; layers: number; heads: number; original: string; maps: AttentionMap[] }
export interface HeadMask { head: number; coverage: number; mask?: string | null; jaccard: number | null }
export interface SegmentedModel extends ModelHead {
  grid: string; heads: HeadMask[]; chosen: { head: number; why: string }; overlay?: string | null;
  jaccard: { best_head: number; best: number; fixed_head: number; fixed: number } | null;
}
export interface AnswerHead { image: { width: number; height: number; format: string }; elapsed_ms: number }
export interface Answer<Entry extends ModelHead> extends AnswerHead {
  models: Entry[]; mode?: string; saliency_model?: string | null; method?: string; token?: string; threshold?: number;
}

export interface Problem {
  type?: string; title: string; status: number; detail: string; code: string; field?: string; matches?: string[];
}

export interface Photo {
  name: string; filename: string; blob: Blob; url: string; alt: string; credit: string;
  sample: string | null; width: number; height: number;
}

export interface OccludeControls {
  kind: "random" | "salient" | "non_salient" | "custom"; ratio: number; seed: number; grid: string;
  offset: number; saliency: string; saliencyHead: string; mask: string;
}
export interface ShuffleControls { grid: string; seed: number }
export interface AttendControls { layer: number; head: string; token: "cls" | "shape"; method: "raw" | "rollout" }
export interface SegmentControls { token: "cls" | "shape"; threshold: number }

export interface State {
  mode: Mode; photo: string; models: string[];
  occlude: OccludeControls; shuffle: ShuffleControls; attend: AttendControls; segment: SegmentControls;
}

export interface Upload { name: string; filename: string; blob: Blob }
export interface AnalysisRequest { path: string; fields: [string, string][]; files: Upload[] }
