// @ts-check
/**
 * Reads the JSON schema of an experiment's parameters: which control suits each, and what it takes.
 *
 * @typedef {import("../../evaluation-types.js").ParameterValue} ParameterValue
 * @typedef {import("../../evaluation-types.js").Scalar} Scalar
 * @typedef {import("../../evaluation-types.js").Schema} Schema
 */

/**
 * kind: which control. options: the only values there are. numeric: what a list or field holds.
 * @typedef {object} Parameter
 * @property {string} name
 * @property {"switch" | "choice" | "several" | "list" | "number" | "text"} kind
 * @property {string} description
 * @property {ParameterValue} usual
 * @property {boolean} optional whether it may be left empty
 * @property {boolean} numeric
 * @property {boolean} whole
 * @property {Scalar[]} options
 * @property {Map<string, string>} [titles] what options are called
 * @property {number | null} least
 * @property {number | null} most
 */

/** @param {Schema} schema @returns {Parameter[]} */
export function parametersOf(schema) {
  const defs = schema.$defs ?? {};
  return Object.entries(schema.properties ?? {}).map(([name, property]) =>
    parameterOf(name, property, defs),
  );
}

/**
 * @param {string} name
 * @param {Schema} property
 * @param {Record<string, Schema>} defs
 * @returns {Parameter}
 */
function parameterOf(name, property, defs) {
  const { schema, optional } = settle(property, defs);
  const item = schema.type === "array" ? itemOf(schema, defs) : schema;
  const numeric = item.type === "number" || item.type === "integer";
  const options = item.enum ?? (item.const === undefined ? [] : [item.const]);
  return {
    name,
    kind: kindOf(schema, options.length > 0, numeric),
    description: property.description ?? schema.description ?? "",
    usual: /** @type {ParameterValue} */ (property.default ?? null),
    optional,
    numeric,
    whole: item.type === "integer",
    options,
    least: item.minimum ?? item.exclusiveMinimum ?? null,
    most: item.maximum ?? item.exclusiveMaximum ?? null,
  };
}

/**
 * Follow references and the alternative to null.
 * @param {Schema} schema
 * @param {Record<string, Schema>} defs
 * @returns {{schema: Schema, optional: boolean}}
 */
function settle(schema, defs) {
  if (schema.$ref) return settle(defs[schema.$ref.split("/").pop() ?? ""] ?? {}, defs);
  const kinds = schema.anyOf ?? schema.oneOf ?? schema.allOf;
  if (!kinds) return { schema, optional: schema.type === "null" };
  const real = kinds.filter(({ type }) => type !== "null");
  const optional = real.length < kinds.length;
  const inner = settle(real[0] ?? {}, defs);
  return { schema: inner.schema, optional: optional || inner.optional };
}

/** @param {Schema} schema @param {Record<string, Schema>} defs @returns {Schema} */
function itemOf(schema, defs) {
  const item = typeof schema.items === "object" ? schema.items : (schema.prefixItems?.[0] ?? {});
  return settle(item, defs).schema;
}

/** @param {Schema} schema @param {boolean} chosen @param {boolean} numeric @returns {Parameter["kind"]} */
function kindOf(schema, chosen, numeric) {
  if (schema.type === "boolean") return "switch";
  if (schema.type === "array") return chosen ? "several" : "list";
  if (chosen) return "choice";
  return numeric ? "number" : "text";
}

/**
 * What somebody wrote into a field, as a value. Throws with words when it is none.
 * @param {Parameter} parameter
 * @param {string} text
 * @returns {ParameterValue}
 */
export function parseText(parameter, text) {
  const trimmed = text.trim();
  if (parameter.kind === "list") {
    const parts = trimmed.split(/[\s,;]+/).filter((part) => part !== "");
    if (parts.length === 0 && parameter.optional) return null;
    return parts.map((part) => (parameter.numeric ? parseNumber(parameter, part) : part));
  }
  if (trimmed === "") {
    if (parameter.optional) return null;
    throw new Error("Expected a value, got nothing.");
  }
  return parameter.numeric ? parseNumber(parameter, trimmed) : trimmed;
}

/** @param {Parameter} parameter @param {string} text */
function parseNumber({ whole, least, most }, text) {
  const value = Number(text);
  const wanted = whole ? "a whole number" : "a number";
  if (Number.isNaN(value) || (whole && !Number.isInteger(value)))
    throw new Error(`Expected ${wanted}, got “${text}”.`);
  if (least !== null && value < least) throw new Error(`Expected at least ${least}, got ${text}.`);
  if (most !== null && value > most) throw new Error(`Expected at most ${most}, got ${text}.`);
  return value;
}

/** @param {ParameterValue} value */
export function textOf(value) {
  if (Array.isArray(value)) return value.join(", ");
  return value === null ? "" : String(value);
}
