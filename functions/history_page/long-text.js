/** Texts of any length, in slices. All but the first are laid out only when they are seen. */

import { createButton, createRemark, h } from "./elements.js";

/** About this many characters are shown first, and in each further slice. */
const SLICE_LENGTH = 16_384;
const MAX_WORK_MS = 8;

function findEnd(text) {
	const afterLine = text.lastIndexOf("\n", SLICE_LENGTH - 1) + 1;
	if (afterLine) return afterLine;
	const splitsCharacter = /[\uD800-\uDBFF]/.test(text[SLICE_LENGTH - 1]);
	return splitsCharacter ? SLICE_LENGTH - 1 : SLICE_LENGTH;
}

/** Splits at ends of lines, if there are any. */
function* split(parts) {
	let rest = "";
	for (const part of parts) {
		rest += part;
		while (rest.length > SLICE_LENGTH) {
			const end = findEnd(rest);
			yield rest.slice(0, end);
			rest = rest.slice(end);
		}
	}
	yield rest;
}

const pause = () => new Promise((resume) => {
	if (globalThis.requestIdleCallback) requestIdleCallback(resume, { timeout: 200 });
	else setTimeout(resume);
});

/**
 * The beginning of a text, and a button that shows the rest if there is more.
 *
 * @param {Iterable<string>} parts are read only as far as they are shown
 * @param {number} total characters, before they are formatted
 */
export function createLongText(locale, parts, total) {
	const slices = split(parts);
	const content = h("span", h("span.slice", slices.next().value));
	let next = slices.next();
	if (next.done) return { content };
	const showRest = async ({ currentTarget: button }) => {
		if (button.ariaDisabled) return;
		button.setAttribute("aria-disabled", "true");
		let began = performance.now();
		for (; !next.done && content.isConnected; next = slices.next()) {
			content.append(h("span.slice", next.value));
			if (performance.now() - began < MAX_WORK_MS) continue;
			await pause();
			began = performance.now();
		}
		content.closest("pre")?.focus({ preventScroll: true });
		more.remove();
	};
	const more = h("div.cut", createRemark(locale.text("body.cut", { total })),
		createButton(locale.text("body.showAll"), showRest, "copy"),
	);
	return { content, more };
}
