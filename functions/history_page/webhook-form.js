/** The fields of a webhook. */

import { formatHeaders } from "./body.js";
import { h, NO_AUTOCOMPLETE } from "./elements.js";

const orEmpty = (text) => text ?? "";
export const orNull = (text) => text.trim() || null;
const splitWords = (text) => text.match(/\S+/g) ?? [];

function parseHeaders(text) {
	const lines = text.split("\n").filter((line) => line.trim());
	const pairs = lines.map((line) => line.split(/:(.*)/)).map(([name, value = ""]) => [name.trim(), value.trim()]);
	return Object.fromEntries(pairs);
}

const formatDelays = (delays) => (delays ? delays.join(" ") || "none" : "");
const parseDelays = (text) => (text === "none" ? [] : text ? splitWords(text).map(Number) : null);

/** Each field's formatter, parser and attributes; a placeholder is a key of the dictionary or an example. */
/** @type {Record<string, [(value: any) => any, (text: string) => any, object?]>} */
export const FIELDS = {
	name: [orEmpty, String],
	url: [orEmpty, String],
	headers: [formatHeaders, parseHeaders, { rows: 3, placeholder: "X-Shop: berlin" }],
	event_types: [(types = []) => types.join(" "), splitWords, { placeholder: "form.allTypes" }],
	topic: [orEmpty, orNull],
	timeout_seconds: [(seconds = 15) => seconds, Number],
	retry_schedule: [formatDelays, parseDelays, { placeholder: "form.default" }],
	transformation: [orEmpty, orNull, { rows: 4, placeholder: '{"text": payload.order}' }],
};
export const ID_ATTRIBUTES = {
	required: true,
	pattern: "(?!\\.\\.?$)[A-Za-z0-9_.\\-]{1,128}",
};

/**
 * @param {any} locale
 * @param {string} name
 * @param {any} value
 * @param {any} [attributes] with `rows` it is a text area
 */
export function createField(locale, name, value, attributes = {}) {
	const { placeholder, ...more } = attributes;
	const [id, wrong] = [`box-${name}`, `wrong-${name}`];
	const kind = more.rows ? "textarea" : "input";
	const hint = { placeholder: placeholder && locale.text(placeholder), "aria-describedby": wrong };
	const made = h(kind, { id, name, ...hint, ...NO_AUTOCOMPLETE, ...more });
	made.value = value;
	return h("div", h("label", { for: id }, locale.text(`form.${name}`)), made, h("p.wrong", { id: wrong }));
}
