/** The fields of a webhook: how each is shown, read from its control, and checked. */

import { formatHeaders } from "./body.js";
import { createCertificateField } from "./client-certificate.js";
import { createButton, fill, h, NO_AUTOCOMPLETE } from "./elements.js";
import { Invalid } from "./invalid.js";
import { createScheduleField, parseSchedule } from "./retry-schedule.js";

/** In the place of a value that the API masks; sent back, it keeps the stored value. */
export const MASK = "••••";

export const ID_PATTERN = /^(?!\.\.?$)[A-Za-z0-9_.-]{1,128}$/;
/** Seconds. */
const [MIN_TIMEOUT, MAX_TIMEOUT] = [1, 30];
const MAX_PER_SECOND = 1_000;

const orEmpty = (text) => text ?? "";
export const orNull = (text) => text.trim() || null;
const splitWords = (text) => text.match(/[^\s,]+/g) ?? [];
const splitTypes = (text) => text.match(/\S+/g) ?? [];

/** Headers, one `Name: value` a line; every line counts. */
function parseHeaders(text) {
	/** @type {Map<string, string>} */
	const headers = new Map();
	/** @type {[string, object][]} */
	const wrong = [];
	for (const [at, given] of text.split("\n").entries()) {
		if (!given.trim()) continue;
		const [, name, value] = given.match(/^\s*([^:]*?)\s*:(.*)$/) ?? [];
		const line = at + 1;
		if (!name) wrong.push(["form.headers.wrong", { line, given: given.trim() }]);
		else if (headers.has(name)) wrong.push(["form.headers.twice", { line, name }]);
		else headers.set(name, value.trim());
	}
	return wrong.length ? new Invalid(...wrong) : Object.fromEntries(headers);
}

function parseUrl(text) {
	if (!text.trim()) return new Invalid(["form.required"]);
	return /^https?:\/\//i.test(text.trim()) ? text : new Invalid(["form.url.wrong"]);
}

function parseTimeout(text) {
	const seconds = text.trim() ? Number(text) : NaN;
	return seconds >= MIN_TIMEOUT && seconds <= MAX_TIMEOUT
		? seconds
		: new Invalid(["form.timeout.wrong", { least: MIN_TIMEOUT, most: MAX_TIMEOUT }]);
}

/** No limit is null. */
function parseRate(text) {
	if (!text.trim()) return null;
	const rate = Number(text);
	return Number.isInteger(rate) && rate >= 1 && rate <= MAX_PER_SECOND
		? rate
		: new Invalid(["form.max_per_second.wrong", { most: MAX_PER_SECOND }]);
}

const parseId = (text) => (ID_PATTERN.test(text) ? text : new Invalid([text ? "form.idTitle" : "form.required"]));

/** Only of a webhook that is new. */
const ID = { name: "webhook_id", format: orEmpty, parse: parseId, attributes: { required: true } };

/**
 * Each field's formatter and parser. A placeholder is a key of the dictionary or an example, a hint is a key.
 *
 * @typedef {{
 *   name: string, format: (value: any) => any, parse: (text: any) => any, attributes?: any, hint?: string,
 *   create?: (locale: any, value: any) => any,
 * }} Field
 * @type {Field[]}
 */
const FIELDS = [
	{ name: "name", format: orEmpty, parse: String },
	{ name: "url", format: orEmpty, parse: parseUrl, attributes: { inputmode: "url", required: true } },
	{
		name: "headers", format: formatHeaders, parse: parseHeaders, hint: "form.headers.hint",
		attributes: { rows: 3, placeholder: "X-Shop: berlin" },
	},
	{
		name: "sensitive_headers", format: (names = []) => names.join(" "), parse: splitWords,
		hint: "form.sensitive_headers.hint", attributes: { placeholder: "X-Shop-Token" },
	},
	{
		name: "event_types", format: (types = []) => types.join(" "), parse: splitTypes,
		attributes: { placeholder: "form.allTypes" },
	},
	{ name: "topic", format: orEmpty, parse: orNull },
	{
		name: "timeout_seconds", format: (seconds = 15) => seconds, parse: parseTimeout,
		attributes: { inputmode: "decimal" },
	},
	{
		name: "max_per_second", format: orEmpty, parse: parseRate,
		attributes: { inputmode: "numeric", placeholder: "form.max_per_second.none" },
	},
	{
		name: "client_certificate", format: (stored) => stored, parse: (value) => value, create: createCertificateField,
	},
	{ name: "retry_schedule", format: (delays) => delays, parse: parseSchedule, create: createScheduleField },
	{
		name: "transformation", format: orEmpty, parse: orNull,
		attributes: { rows: 4, placeholder: '{"text": payload.order}' },
	},
];

export const listFields = (isNew) => (isNew ? [ID, ...FIELDS] : FIELDS);

/**
 * A control with its label, a hint and a place for what is wrong.
 *
 * @param {any} locale
 * @param {string} name
 * @param {any} value
 * @param {any} [attributes] with `rows` it is a text area, with `options` (values and texts) a choice
 * @param {string} [hint] a key of the dictionary
 */
export function createField(locale, name, value, attributes = {}, hint = "") {
	const { placeholder, options = [], ...more } = attributes;
	const [id, wrong, hinted] = [`box-${name}`, `wrong-${name}`, `hint-${name}`];
	const kind = more.rows ? "textarea" : options.length ? "select" : "input";
	const made = h(kind, {
		id, name, "aria-describedby": hint ? `${wrong} ${hinted}` : wrong,
		placeholder: placeholder && locale.text(placeholder), ...NO_AUTOCOMPLETE, ...more,
	}, options.map(([value, text]) => h("option", { value }, text)));
	made.value = value;
	const hints = hint ? h("p.remark", { id: hinted }, locale.text(hint)) : [];
	return h("div.box", h("label", { for: id }, locale.text(`form.${name}`)), made, h("p.wrong", { id: wrong }), hints);
}

/** Shows what is wrong with a field, and returns its control; an empty text clears it. */
export function setFieldError(place, text) {
	fill(place, text);
	const controls = [...place.parentElement.querySelectorAll("[aria-describedby]")];
	for (const each of controls) each.removeAttribute("aria-invalid");
	const control = controls.findLast(({ hidden }) => !hidden);
	if (text) control.setAttribute("aria-invalid", "true");
	return control;
}

/** The places for what is wrong within an element, by the field's name. */
export function findErrorPlaces(within) {
	const places = [...within.querySelectorAll("p.wrong[id]")];
	return new Map(places.map((place) => [place.id.replace("wrong-", ""), place]));
}

/**
 * A button that shows masked header values in their text area. Lines that the viewer has changed stay.
 *
 * @param {any} locale
 * @param {any} box of the field `headers`
 * @param {() => Promise<Record<string, string> | undefined>} load the stored headers
 * @param {(box: any) => void} shown called if nothing else was changed
 */
export function addShowButton(locale, box, load, shown) {
	const area = box.querySelector("textarea");
	const first = area.value;
	if (!Object.values(asHeaders(first)).includes(MASK)) return;
	const show = async () => {
		const headers = await load();
		if (!headers) return;
		const isUnchanged = area.value === first;
		const known = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
		const showLine = (line) => {
			const [, name, value] = line.match(/^([^:]*):\s*(.*?)\s*$/) ?? [];
			const stored = known.get(name?.trim().toLowerCase());
			return value === MASK && stored != null ? `${name}: ${stored}` : line;
		};
		area.value = area.value.split("\n").map(showLine).join("\n");
		button.remove();
		area.focus();
		if (isUnchanged) shown(box);
	};
	const button = createButton(locale.text("form.headers.show"), show, "copy");
	box.append(button);
}

function asHeaders(text) {
	const headers = parseHeaders(text);
	return headers instanceof Invalid ? {} : headers;
}

