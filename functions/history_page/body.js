/** Blocks of preformatted text: headers and bodies. */

import { createButton, createCopyButton, createRemark, fill, h } from "./elements.js";
import { formatBody } from "./json.js";

export function createBlock(locale, title, { content, folds = [] }, copied, remarks = []) {
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
	return h("section.block", heading, remarks, text);
}

export const formatHeaders = (headers = {}) =>
	Object.entries(headers).map((header) => `${header.join(": ")}\n`).join("");

export function createHeaderBlock(locale, title, headers, truncated = false) {
	const remarks = truncated ? [createRemark(locale.text("headers.truncated"))] : [];
	const content = Object.entries(headers).map(([name, value]) => [h("span.key", name), `: ${value}\n`]);
	return createBlock(locale, title, { content }, formatHeaders(headers), remarks);
}

function* listRemarks(locale, execution, part) {
	const ends = ["", "_encoding", "_truncated", "_bytes", "_note", "_charset"];
	const [body, encoding, truncated, bytes, note, charset] = ends.map((end) => execution[part + end]);
	if (note) yield note;
	if (charset) yield locale.text("body.charset", { charset });
	if (execution[part.replace("body", "incomplete")]) yield locale.text("body.incomplete");
	const binary = encoding === "base64";
	if (binary) yield locale.text("body.base64");
	if (!truncated) return;
	const stored = locale.size(binary ? atob(body).length : new Blob([body]).size);
	if (bytes == null) yield locale.text(charset ? "body.truncated.characters" : "body.truncated", { stored });
	else yield locale.text(charset ? "body.truncated.characters.of" : "body.truncated.of", {
		stored,
		size: locale.size(bytes),
	});
}

export function createBodyBlock(locale, title, execution, part = "request_body") {
	const [body, encoding] = [execution[part], execution[`${part}_encoding`]];
	const remarks = [...listRemarks(locale, execution, part)].map(createRemark);
	const empty = () => ({ content: h("span.muted", locale.text("body.empty")) });
	const shown = !body ? empty() : encoding ? { content: body } : formatBody(locale, body);
	return createBlock(locale, title, shown, body, remarks);
}
