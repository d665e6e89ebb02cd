/** The form above the list of executions. */

import { createButton, createRadioGroup, h, NO_AUTOCOMPLETE } from "./elements.js";
import { EMPTY_FILTER, parseFilter } from "./filter.js";
import { PRESETS, toLocalInput } from "./ranges.js";
import { ERROR_TYPES } from "./result.js";

const STATUSES = ["", "success", "failure"];
const [CUSTOM, CODE] = ["custom", "code"];
const FIELDS = ["from", "to", "event", "result", "error", "message"];
const RESULT_CLASSES = ["2xx", "3xx", "4xx", "5xx"];

export class FilterForm {
	element;

	#locale;
	#filter = EMPTY_FILTER;
	#changed;
	#code;

	/**
	 * @param {Record<string, string>} filter what it shows first
	 * @param {(filter: Record<string, string>) => void} changed
	 */
	constructor(locale, filter, changed) {
		this.#locale = locale;
		this.#changed = changed;
		const text = (key) => locale.text(key);
		const statuses = STATUSES.map((value) => [value, text(`status.${value || "all"}`)]);
		const ranges = ["", ...Object.keys(PRESETS), CUSTOM].map((value) => [value, text(`range.${value || "all"}`)]);
		const results = RESULT_CLASSES.map((value) => [value, value]);
		const errors = ERROR_TYPES.map((type) => [type, locale.nameOf("filter.error", type, `result.${type}`)]);
		this.#code = h("input", {
			name: CODE, type: "text", inputmode: "numeric", maxlength: "3", size: "4", placeholder: "503",
			"aria-label": text("filter.code"), ...NO_AUTOCOMPLETE,
		});
		const more = createButton(text("filter.more"), () => this.#toggle(), "more-filters", { "aria-expanded": "false" });
		this.element = h("form.filter",
			{ "aria-label": text("filter.label"), part: "filter", change: this.#read, search: this.#read },
			createRadioGroup(text("filter.status"), "status", "", ...statuses),
			createRadioGroup(text("filter.range"), "range", "", ...ranges),
			more,
			h("div.fields",
				this.#createField("from", this.#createInput("from", { type: "datetime-local", max: "9999-12-31T23:59" })),
				this.#createField("to", this.#createInput("to", { type: "datetime-local", max: "9999-12-31T23:59" })),
				this.#createField("event", this.#createInput("event", { type: "search", placeholder: "order.*" })),
				this.#createField("result", this.#createSelect("result",
					["", text("filter.any")], ...results, ["0", text("result.no_response")], [CODE, text("filter.code.choose")],
				), this.#code),
				this.#createField("error", this.#createSelect("error", ["", text("filter.any")], ...errors)),
				this.#createField("message", this.#createInput("message", { type: "search" })),
			),
		);
		this.show(filter);
	}

	/** Shows a filter, without calling `changed`. */
	show(filter) {
		this.#filter = filter;
		const { status, from, to, event, result, error, message } = filter;
		const listed = ["", "0", ...RESULT_CLASSES].includes(result);
		const shown = {
			status, event, error, message,
			range: from in PRESETS ? from : from || to ? CUSTOM : "",
			from: toLocalInput(from), to: toLocalInput(to),
			result: listed ? result : CODE, code: listed ? "" : result,
		};
		const { elements } = this.element;
		for (const [name, value] of Object.entries(shown)) this.#setValue(name, value);
		for (const name of ["from", "to"]) elements[name].step = /:\d\d:\d\d/.test(shown[name]) ? "1" : "60";
		this.#code.hidden = listed;
		const used = { ...filter, from: shown.range === CUSTOM, to: shown.range === CUSTOM };
		for (const name of FIELDS) this.#getField(name).classList.toggle("used", Boolean(used[name]));
	}

	/** Chromium ignores "" as the value of a RadioNodeList. */
	#setValue(name, value) {
		for (const input of this.element.querySelectorAll(`[name="${name}"]`)) {
			if (input.type === "radio") input.checked = input.value === value;
			else input.value = value;
		}
	}

	#createInput(name, more) {
		return h("input", { name, ...NO_AUTOCOMPLETE, ...more });
	}

	#createSelect(name, ...options) {
		return h("select", { name }, options.map(([value, text]) => h("option", { value }, text)));
	}

	#createField(name, ...inputs) {
		return h("label.field", this.#locale.text(`filter.${name}`), h("div.inputs", inputs));
	}

	#getField(name) {
		return this.element.elements[name].closest(".field");
	}

	/** Narrow pages show only the fields that are used, until this. */
	#toggle() {
		const isOpen = this.element.classList.toggle("open");
		this.element.querySelector(".more-filters").setAttribute("aria-expanded", String(isOpen));
	}

	#read = (event) => {
		const { target } = event;
		/** @type {any} */
		const given = Object.fromEntries([...new FormData(this.element)].map(([name, value]) => [name, String(value)]));
		const choosesCode = target.name === "result" && given.result === CODE;
		if (choosesCode) {
			this.#code.hidden = false;
			return this.#code.focus();
		}
		if (target.name === "range" && given.range === CUSTOM) {
			for (const name of ["from", "to"]) this.#getField(name).classList.add("used");
			return;
		}
		const result = given.result === CODE ? given.code.trim() : given.result;
		const filter = parseFilter({ ...this.#filter, ...given, ...this.#readRange(given, target.name), result });
		this.show(filter);
		this.#changed(filter);
	};

	/** Keeps what no input can show: the instant of a repeated hour. Another range leaves the chosen bar. */
	#readRange({ range, from, to }, changed) {
		if (changed === "range") return { from: range, to: "", bar: "" };
		const read = (name, value) => (value === toLocalInput(this.#filter[name]) ? this.#filter[name] : value);
		const isPreset = this.#filter.from in PRESETS && !from && !to;
		const own = isPreset ? { from: this.#filter.from, to: "" } : { from: read("from", from), to: read("to", to) };
		return ["from", "to"].includes(changed) ? { ...own, bar: "" } : own;
	}
}
