/** JSON, unchanged but formatted. */

import { createButton, h } from "./elements.js";

const MAX_EXPANDED_LINES = 60;
/** Deeper levels are neither indented nor folded. */
const MAX_DEPTH = 20;
const TOKEN = /\s*("[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]|(?:true|false|null|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![^\s{}[\],:"]))\s*/y;

export function isJson(text) {
	try {
		return typeof JSON.parse(text) === "object";
	} catch {
		return false;
	}
}

/** Iterates over the tokens of JSON and, as the last one, over what is not JSON any more. */
function* splitJson(text) {
	const pattern = new RegExp(TOKEN);
	while (pattern.lastIndex < text.length) {
		const at = pattern.lastIndex;
		const found = pattern.exec(text);
		if (!found) return yield text.slice(at);
		yield found[1];
	}
}

const startLine = (depth) => depth > MAX_DEPTH ? "" : `\n${"  ".repeat(Math.max(depth, 0))}`;

/**
 * Iterates over the formatted parts of JSON, each with its kind; reads no further than its caller.
 *
 * @param {string} text may end in something else than JSON, which stays as it is
 * @returns {Iterable<[part: string, kind?: string, depth?: number]>}
 */
export function* formatJson(text) {
	let depth = 0;
	const tokens = splitJson(text);
	const pull = () => tokens.next().value;
	for (let token = pull(), next; token !== undefined; token = next) {
		next = pull();
		if (["{}", "[]"].includes(token + next)) {
			yield [token + next];
			next = pull();
		} else if (token === "{" || token === "[") {
			yield [token, "open", ++depth];
			yield [startLine(depth)];
		} else if (token === "}" || token === "]") {
			yield [startLine(--depth)];
			yield [token, "close"];
		} else if (token === ",") yield [token + startLine(depth), "comma"];
		else if (token === ":") yield [": "];
		else yield [token, next === ":" ? "key" : token[0] === '"' ? "string" : "literal"];
	}
}

class Fold {
	items = 1;
	inside = h("span");

	constructor(locale, key) {
		this.locale = locale;
		this.key = key;
		this.button = createButton("", () => this.setExpanded(this.inside.hidden), "fold");
		this.setExpanded(true);
	}

	setExpanded(open) {
		this.inside.hidden = !open;
		this.button.setAttribute("aria-expanded", open);
	}

	close() {
		this.button.dataset.items = this.locale.text("json.items", { count: this.items });
		this.button.setAttribute("aria-label", `${this.key} ${this.button.dataset.items}`);
	}
}

function createFolds(locale, parts) {
	/** @type {any[]} */
	const open = [{ inside: h("span") }];
	const folds = [];
	let key = "";
	for (const [text, kind] of parts) {
		if (kind === "close") {
			open.at(-1).close();
			folds.push(open.pop());
		}
		const within = open.at(-1);
		within.inside.append(["key", "string", "literal"].includes(kind) ? h(`span.${kind}`, text) : text);
		if (kind === "key") key = text;
		else if (kind === "comma") within.items++;
		else if (kind === "open") {
			open.push(new Fold(locale, key));
			within.inside.append(open.at(-1).button, open.at(-1).inside);
		}
	}
	return { content: open[0].inside, folds: folds.slice(0, -1) };
}

/** The coloured content of JSON and its folds; null if it is too deep for them. */
export function foldJson(locale, text) {
	const parts = [...formatJson(text)];
	if (parts.some(([, , depth = 0]) => depth > MAX_DEPTH)) return null;
	const folded = createFolds(locale, parts);
	const lines = parts.filter(([part]) => part.includes("\n")).length;
	if (lines >= MAX_EXPANDED_LINES) for (const fold of folded.folds) fold.setExpanded(false);
	return folded;
}
