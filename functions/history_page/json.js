/** JSON, unchanged but formatted. */

import { createButton, h } from "./elements.js";

const MAX_COLOURED_LENGTH = 50_000;
const MAX_EXPANDED_LINES = 60;
const MAX_FOLD_DEPTH = 20;

function isJson(text) {
	try {
		return typeof JSON.parse(text) === "object";
	} catch {
		return false;
	}
}

const startLine = (depth) => `\n${"  ".repeat(Math.min(depth, MAX_FOLD_DEPTH))}`;

function* formatJson(text) {
	let depth = 0;
	const tokens = text.match(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g);
	for (let at = 0; at < tokens.length; at++) {
		const [token, next] = [tokens[at], tokens[at + 1]];
		if (["{}", "[]"].includes(token + next)) yield [token + tokens[++at]];
		else if ("{[".includes(token)) {
			yield [token, "open"];
			yield [startLine(++depth)];
		} else if ("}]".includes(token)) {
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

function foldJson(locale, parts) {
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
	return { whole: open[0].inside, folds: folds.slice(0, -1) };
}

/** The content of a body and, where it is JSON, its folds. */
export function formatBody(locale, text) {
	if (!isJson(text)) return { content: text };
	const parts = [...formatJson(text)];
	const plain = parts.map(([part]) => part).join("");
	if (text.length > MAX_COLOURED_LENGTH || plain.includes(startLine(MAX_FOLD_DEPTH))) return { content: plain };
	const { whole, folds } = foldJson(locale, parts);
	if (plain.split("\n").length > MAX_EXPANDED_LINES) for (const fold of folds) fold.setExpanded(false);
	return { content: whole, folds };
}
