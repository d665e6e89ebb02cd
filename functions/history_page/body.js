/** Blocks of preformatted text: headers and bodies. */

import { createButton, createCopyButton, createRemark, fill, h } from "./elements.js";
import { foldJson, formatJson, isJson } from "./json.js";
import { createLongText } from "./long-text.js";

/** Longer bodies are neither parsed nor coloured. */
const MAX_FOLDED_LENGTH = 20_000;

function createBlock(locale, title, { content, folds = [], more = [] }, copied, remarks = []) {
	const isFolded = () => folds.some((fold) => fold.inside.hidden);
	const verb = () => locale.text(isFolded() ? "json.expand" : "json.collapse");
	const turn = ({ currentTarget }) => {
		const open = isFolded();
		for (const fold of folds) fold.setExpanded(open);
		fill(currentTarget, verb());
	};
	const actions = [createCopyButton(locale, title, copied)];
	if (folds.length) actions.unshift(createButton(verb(), turn, "copy"));
	const heading = h("div.block-head", h("h3", title), actions);
	const text = h("pre", { tabindex: "0", role: "group", "aria-label": title }, content);
	return h("section.block", heading, remarks, text, more);
}

export const formatHeaders = (headers = {}) =>
	Object.entries(headers).map((header) => `${header.join(": ")}\n`).join("");

export function createHeaderBlock(locale, title, headers, truncated = false) {
	const remarks = truncated ? [createRemark(locale.text("headers.truncated"))] : [];
	const content = Object.entries(headers).map(([name, value]) => [h("span.key", name), `: ${value}\n`]);
	return createBlock(locale, title, { content }, formatHeaders(headers), remarks);
}

/** The bytes of a body. */
export const measure = (body, encoding) =>
	encoding === "base64" ? Math.floor((body.replace(/=+$/, "").length * 3) / 4) : new Blob([body]).size;

function* listRemarks(locale, execution, part) {
	const ends = ["", "_encoding", "_truncated", "_bytes", "_note", "_charset"];
	const [body, encoding, truncated, bytes, note, charset] = ends.map((end) => execution[part + end]);
	if (note) yield note;
	if (charset) yield locale.text("body.charset", { charset });
	if (execution[part.replace("body", "incomplete")]) yield locale.text("body.incomplete");
	if (encoding === "base64") yield locale.text("body.base64");
	if (!truncated) return;
	const stored = locale.size(measure(body, encoding));
	if (bytes == null) yield locale.text(charset ? "body.truncated.characters" : "body.truncated", { stored });
	else yield locale.text(charset ? "body.truncated.characters.of" : "body.truncated.of", {
		stored,
		size: locale.size(bytes),
	});
}

function* listText(parts) {
	for (const [text] of parts) yield text;
}

function createBody(locale, body, encoding) {
	if (!body) return { content: h("span.muted", locale.text("body.empty")) };
	const isShort = body.length <= MAX_FOLDED_LENGTH;
	const isFormatted = !encoding && (isShort ? isJson(body) : /^\s*[[{]/.test(body));
	const folded = isShort && isFormatted && foldJson(locale, body);
	const parts = isFormatted ? listText(formatJson(body)) : [body];
	return folded || createLongText(locale, parts, body.length);
}

export function createBodyBlock(locale, title, execution, part = "request_body") {
	const [body, encoding] = [execution[part], execution[`${part}_encoding`]];
	const remarks = [...listRemarks(locale, execution, part)].map(createRemark);
	return createBlock(locale, title, createBody(locale, body, encoding), body, remarks);
}
