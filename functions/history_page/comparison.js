/** The differences between two attempts of a message. */

import { selectChanges, diffLines } from "./diff.js";
import { createRemark, fill, h, isolate } from "./elements.js";
import { formatJson, isJson } from "./json.js";
import { describeError } from "./notices.js";
import { createBadge, describeResult } from "./result.js";

/** Longer bodies are compared only as a whole, more lines are not shown, and longer lines are cut. */
const [MAX_LENGTH, MAX_LINES, MAX_LINE_LENGTH] = [100_000, 400, 500];

function toLines(body) {
	const parts = isJson(body) ? formatJson(body) : [[body]];
	return [...parts].map(([part]) => part).join("").split("\n");
}

function createDiff(locale, bodies) {
	if (bodies.some((body) => body.length > MAX_LENGTH)) return null;
	const [one, other] = bodies.map(toLines);
	const lines = diffLines(one, other);
	if (!lines) return null;
	const shown = selectChanges(lines).slice(0, MAX_LINES);
	const signs = { same: "  ", removed: "- ", added: "+ ", skipped: "" };
	const name = locale.text("compare.bodies");
	return h("pre", { tabindex: "0", role: "group", "aria-label": name }, shown.map(([mark, line]) =>
		h(`span.${mark}`, `${signs[mark]}${line.slice(0, MAX_LINE_LENGTH)}\n`)));
}

function compareBodies(locale, pair) {
	const bodies = pair.map(({ response_body: body }) => body);
	if (bodies.every((body) => body == null)) return [];
	if (bodies.some((body) => body == null)) return createRemark(locale.text("compare.oneBody"));
	if (bodies[0] === bodies[1]) return createRemark(locale.text("compare.sameBody"));
	const isText = pair.every(({ response_body_encoding: encoding }) => !encoding);
	return (isText && createDiff(locale, bodies)) || createRemark(locale.text("compare.otherBody"));
}

function* listRows(locale, pair) {
	yield ["fact.result", pair.map((execution) => createBadge(locale, execution))];
	yield ["fact.duration", pair.map(({ duration_ms: ms }) => locale.duration(ms))];
	const messages = pair.map(({ error }) => error?.message ?? "");
	if (messages.some(Boolean)) yield ["fact.errorMessage", messages.map(isolate)];
}

/** Names ignore case; a value that is the same in both is left out. */
function* listHeaderRows(pair) {
	const [one, other] = pair.map(({ response_headers: headers = {} }) =>
		new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), [name, value]])));
	for (const key of new Set([...one.keys(), ...other.keys()])) {
		const found = [one.get(key), other.get(key)];
		if (found[0]?.[1] === found[1]?.[1]) continue;
		yield [(found[0] ?? found[1])[0], found.map((header) => header?.[1] ?? "-")];
	}
}

const createRow = (role, name, cells) =>
	h("div.compared", { role: "row" },
		h("span", { role: "rowheader" }, name),
		cells.map((cell) => h("span", { role }, cell)),
	);

function createTable(locale, pair) {
	const named = pair.map(({ attempt }) => locale.text("attempt.name", { attempt }));
	const headers = pair.every(({ response_headers: headers }) => headers) ? [...listHeaderRows(pair)] : [];
	return h("div.comparison", { role: "table", "aria-label": locale.text("compare") },
		createRow("columnheader", "", named),
		[...listRows(locale, pair)].map(([key, cells]) => createRow("cell", locale.text(key), cells)),
		headers.map(([name, values]) => createRow("cell", isolate(name), values.map(isolate))),
	);
}

export class Comparison {
	#shown = h("div");
	#choice = h("select", { change: () => this.#compare() });
	element = h("div.compare", { hidden: true });

	/**
	 * @param {any} locale
	 * @param {any} execution the one that is open
	 * @param {(id: string) => Promise<any>} load undefined once the execution is closed
	 */
	constructor(locale, execution, load) {
		this.locale = locale;
		this.execution = execution;
		this.load = load;
		this.element.append(h("label.field", h("span", locale.text("compare.with")), this.#choice), this.#shown);
	}

	/** Offers the other attempts; keeps what is chosen. */
	update(attempts) {
		const others = attempts.filter(({ execution_id: id }) => id !== this.execution.execution_id);
		const chosen = this.#choice.value;
		const name = (execution) =>
			this.locale.text("attempt.result", { attempt: execution.attempt, result: describeResult(this.locale, execution) });
		fill(this.#choice, h("option", { value: "" }, "-"),
			others.map((execution) => h("option", { value: execution.execution_id }, name(execution))));
		this.#choice.value = chosen;
		this.element.hidden = !others.length;
	}

	async #compare() {
		const id = this.#choice.value;
		fill(this.#shown);
		if (!id) return;
		try {
			const other = await this.load(id);
			if (!other || this.#choice.value !== id) return;
			const pair = [this.execution, other].sort((one, another) => (one.execution_id < another.execution_id ? -1 : 1));
			fill(this.#shown, createTable(this.locale, pair), compareBodies(this.locale, pair));
		} catch (error) {
			fill(this.#shown, createRemark(describeError(this.locale, error).slice(0, 2).join(". ")));
		}
	}
}
