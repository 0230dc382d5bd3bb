// @ts-check
/**
 * Controls for the parameters of an experiment, made from their JSON schema.
 *
 * @typedef {import("../../evaluation-types.js").ParameterValue} ParameterValue
 * @typedef {import("../../evaluation-types.js").Scalar} Scalar
 * @typedef {import("../../evaluation-types.js").Schema} Schema
 * @typedef {import("./parameter-schema.js").Parameter} Parameter
 * @typedef {{root: HTMLElement, read: () => ParameterValue, write: (value: ParameterValue) => void, focus: () => void, problem: HTMLElement}} Field
 */
import { el } from "../../dom.js";
import { fieldName } from "../../words.js";
import { parametersOf, parseText, textOf } from "./parameter-schema.js";

const SIDE_BY_SIDE = 4;

export class SchemaForm {
  /** @type {Map<string, Field>} */
  #fields = new Map();

  /** @param {Map<string, string>} models titles of those that can say where they look @param {() => void} onChange */
  constructor(models, onChange) {
    this.models = models;
    this.root = el("div", { className: "schema-form" });
    this.root.addEventListener("input", onChange);
  }

  /** @param {Schema} schema @param {Record<string, ParameterValue>} values those that are not as usual */
  show(schema, values) {
    const parameters = parametersOf(schema).map((one) => this.#offerModels(one));
    this.#fields = new Map(parameters.map((one) => [one.name, makeField(one)]));
    for (const { name, usual } of parameters)
      this.#fields.get(name)?.write(name in values ? values[name] : usual);
    this.root.replaceChildren(...[...this.#fields.values()].map(({ root }) => root));
  }

  /** A parameter that names a model offers those there are. @param {Parameter} parameter @returns {Parameter} */
  #offerModels(parameter) {
    if (parameter.kind !== "text" || !/(^|_)model$/.test(parameter.name)) return parameter;
    return { ...parameter, kind: "choice", options: [...this.models.keys()], titles: this.models };
  }

  /**
   * The values, and whether every one of them makes sense; what does not is said beside its control.
   * @returns {{values: Record<string, ParameterValue>, valid: boolean}}
   */
  read() {
    /** @type {Record<string, ParameterValue>} */
    const values = {};
    let valid = true;
    for (const [name, field] of this.#fields) {
      try {
        values[name] = field.read();
        showProblem(field, "");
      } catch (error) {
        valid = false;
        showProblem(field, error instanceof Error ? error.message : String(error));
      }
    }
    return { values, valid };
  }

  /** Say what the server says about a parameter. @param {string} name @param {string} words */
  complain(name, words) {
    const field = this.#fields.get(name);
    if (!field) return false;
    showProblem(field, words);
    return true;
  }

  /** @param {string} name */
  focus(name) {
    this.#fields.get(name)?.focus();
  }

  /** Put the focus on the first control whose value makes no sense. */
  focusProblem() {
    [...this.#fields.values()].find(({ problem }) => !problem.hidden)?.focus();
  }
}

/** @param {Field} field @param {string} words */
function showProblem(field, words) {
  field.problem.textContent = words;
  field.problem.hidden = words === "";
  for (const control of field.root.querySelectorAll("[type=text], [type=number], select"))
    control.setAttribute("aria-invalid", String(words !== ""));
}

/** @param {Parameter} parameter @returns {Field} */
function makeField(parameter) {
  if (parameter.kind === "switch") return switchField(parameter);
  if (parameter.kind === "several") return severalField(parameter);
  if (parameter.kind === "choice")
    return parameter.options.length <= SIDE_BY_SIDE && !parameter.optional
      ? choiceField(parameter)
      : selectField(parameter);
  return textField(parameter);
}

/** @param {Parameter} parameter */
function parts({ name, description }) {
  const id = `param-${name}`;
  return {
    id,
    hint: el("p", { className: "hint", id: `${id}-hint` }, ...withCode(description)),
    problem: el("p", { className: "field-problem", id: `${id}-problem`, hidden: true }),
    describing: { "aria-describedby": `${id}-hint ${id}-problem` },
  };
}

/** @param {Parameter} parameter @returns {Field} */
function textField(parameter) {
  const { id, hint, problem, describing } = parts(parameter);
  const { numeric, whole, least, most } = parameter;
  const single = parameter.kind === "number";
  const input = el("input", {
    id,
    type: single ? "number" : "text",
    autocomplete: "off",
    attrs: {
      ...describing,
      ...(single && least !== null ? { min: least } : {}),
      ...(single && most !== null ? { max: most } : {}),
      ...(single ? { step: whole ? 1 : "any" } : {}),
      ...(numeric && !single ? { inputmode: "text" } : {}),
      ...(parameter.optional ? { placeholder: "automatic" } : {}),
    },
  });
  const root = el(
    "div",
    { className: parameter.kind === "list" ? "field field-wide" : "field" },
    el("label", { htmlFor: id }, fieldName(parameter.name)),
    input,
    hint,
    problem,
  );
  return {
    root,
    problem,
    read: () => parseText(parameter, input.value),
    write: (value) => {
      input.value = textOf(value);
    },
    focus: () => input.focus(),
  };
}

/** @param {Parameter} parameter @returns {Field} */
function switchField(parameter) {
  const { id, hint, problem, describing } = parts(parameter);
  const input = el("input", { id, type: "checkbox", attrs: describing });
  const label = el("label", { className: "check" }, input, fieldName(parameter.name));
  return {
    root: el("div", { className: "field" }, label, hint, problem),
    problem,
    read: () => input.checked,
    write: (value) => {
      input.checked = value === true;
    },
    focus: () => input.focus(),
  };
}

/** @param {Parameter} parameter @returns {Field} */
function selectField(parameter) {
  const { id, hint, problem, describing } = parts(parameter);
  const values = parameter.optional ? [null, ...parameter.options] : parameter.options;
  const select = el(
    "select",
    { id, attrs: describing },
    ...values.map((value, place) =>
      el("option", { value: String(place) }, optionName(value, parameter)),
    ),
  );
  return {
    root: el(
      "div",
      { className: "field" },
      el("label", { htmlFor: id }, fieldName(parameter.name)),
      select,
      hint,
      problem,
    ),
    problem,
    read: () => values[Number(select.value)] ?? null,
    write: (value) => {
      const place = values.indexOf(/** @type {Scalar} */ (value));
      select.value = String(Math.max(0, place));
    },
    focus: () => select.focus(),
  };
}

/** One of a few values, side by side. @param {Parameter} parameter @returns {Field} */
function choiceField(parameter) {
  const { field, inputs } = optionsField(parameter, "radio");
  return {
    ...field,
    read: () => parameter.options[inputs.findIndex(({ checked }) => checked)] ?? parameter.usual,
    write: (value) =>
      inputs.forEach((input, place) => {
        input.checked = parameter.options[place] === value;
      }),
  };
}

/** Any of a few values. @param {Parameter} parameter @returns {Field} */
function severalField(parameter) {
  const { field, inputs } = optionsField(parameter, "checkbox");
  return {
    ...field,
    read: () => parameter.options.filter((_, place) => inputs[place].checked),
    write: (value) =>
      inputs.forEach((input, place) => {
        input.checked = Array.isArray(value) && value.includes(parameter.options[place]);
      }),
  };
}

/** @param {Parameter} parameter @param {"radio" | "checkbox"} type */
function optionsField(parameter, type) {
  const { id, hint, problem, describing } = parts(parameter);
  const inputs = parameter.options.map(() => el("input", { type, name: id }));
  const root = el(
    "fieldset",
    { className: "choice field", attrs: describing },
    el("legend", {}, fieldName(parameter.name)),
    el(
      "div",
      { className: "choice-options" },
      ...inputs.map((input, place) =>
        el("label", {}, input, el("span", {}, optionName(parameter.options[place], parameter))),
      ),
    ),
    hint,
    problem,
  );
  return { field: { root, problem, focus: () => inputs[0]?.focus() }, inputs };
}

/** @param {Scalar} value @param {Parameter} parameter */
function optionName(value, { titles }) {
  if (value === null) return "automatic";
  return titles?.get(String(value)) ?? String(value).replaceAll("_", " ");
}

/** Words with what stands between backticks as code. @param {string} description */
function withCode(description) {
  return description
    .split("`")
    .map((part, place) => (place % 2 === 1 ? el("code", {}, part) : part));
}
