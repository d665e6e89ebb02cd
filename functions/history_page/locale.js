/** Texts, numbers and times in the language of one component. */

import { getApiTime } from "./clock.js";
import { h } from "./elements.js";
import { isRepeated } from "./ranges.js";
import { ENGLISH } from "./texts.js";

/** Of times within a day; others are absolute. @type {[Intl.RelativeTimeFormatUnit, number][]} */
const TIME_UNITS = [["second", 60], ["minute", 60], ["hour", 24]];

/** Modules of languages other than English, by primary tag. */
const TRANSLATIONS = { de: () => import("./texts-de.js") };

/**
 * The locale of a language, with the built-in texts of that language if there are any, and English texts otherwise.
 *
 * @param {string} language a BCP 47 tag
 * @param {Record<string, any>} [texts] replaces texts, key by key
 */
export async function loadLocale(language, texts) {
	const load = TRANSLATIONS[getPrimaryTag(language)];
	const { TEXTS } = (await load?.().catch(() => null)) ?? { TEXTS: {} };
	return new Locale(language, { ...TEXTS, ...texts });
}

/** The nearest attribute lang, on an element or around it, also around the shadow roots that it is in. */
export function findLanguage(element) {
	for (let within = element; within; within = within.getRootNode().host) {
		const found = within.closest("[lang]");
		if (found) return found.getAttribute("lang") || "en";
	}
	return "en";
}

const getPrimaryTag = (language) => language.toLowerCase().split("-")[0];

/** The viewer's own variant of a language (en-GB for en), for dates and numbers. */
function findVariant(language) {
	const isVariant = (own) => getPrimaryTag(own) === language.toLowerCase();
	return navigator.languages.find(isVariant) ?? language;
}

function isValid(language) {
	try {
		return Intl.getCanonicalLocales(language).length === 1;
	} catch {
		return false;
	}
}

export class Locale {
	#plurals;
	#relative;
	#exact;
	#short;
	#zoned;
	#numbers;
	#decimals;

	/**
	 * @param {string} language a BCP 47 tag
	 * @param {Record<string, any>} texts replaces English texts, key by key
	 */
	constructor(language, texts) {
		this.language = isValid(language) ? findVariant(language) : "en";
		this.texts = { ...ENGLISH, ...texts };
		this.#plurals = new Intl.PluralRules(this.language);
		this.#relative = new Intl.RelativeTimeFormat(this.language, { numeric: "auto" });
		this.#exact = new Intl.DateTimeFormat(this.language, { dateStyle: "full", timeStyle: "long" });
		this.#short = new Intl.DateTimeFormat(this.language, { dateStyle: "medium", timeStyle: "short" });
		this.#zoned = new Intl.DateTimeFormat(this.language, {
			year: "numeric", month: "short", day: "numeric", hour: "numeric", minute: "2-digit", timeZoneName: "short",
		});
		this.#numbers = new Intl.NumberFormat(this.language);
		this.#decimals = new Intl.NumberFormat(this.language, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
	}

	/** Adds English texts, for keys that have no text yet. */
	extend(texts) {
		this.texts = { ...texts, ...this.texts };
	}

	/** The text of a key; a plural takes its form from `count`. */
	text(key, values = {}) {
		return this.parts(key, values).join("");
	}

	/** Like `text`, with elements among the values: a list of strings and elements. */
	parts(key, values = {}) {
		let text = this.texts[key] ?? key;
		if (typeof text !== "string") text = text[this.#plurals.select(values.count)] ?? text.other;
		const pieces = text.split(/\{(\w+)\}/);
		return pieces.map((piece, at) => {
			if (at % 2 === 0) return piece;
			const value = values[piece] ?? "";
			return typeof value === "number" ? this.number(value) : value;
		});
	}

	/** The text of one of several names; unless the dictionary has it, the text of the key `other`, or the name. */
	nameOf(prefix, name, other = "") {
		const key = `${prefix}.${name}`;
		if (Object.hasOwn(this.texts, key)) return this.text(key);
		return other ? this.text(other) : String(name);
	}

	number(number) {
		return this.#numbers.format(number);
	}

	duration(ms) {
		return ms < 1000 ? this.text("duration.ms", { count: ms }) : this.#scale("duration.s", ms, 1000);
	}

	size(bytes) {
		if (bytes < 1000) return this.text("size.bytes", { count: bytes });
		return bytes < 1e6 ? this.#scale("size.kB", bytes, 1000) : this.#scale("size.MB", bytes, 1e6);
	}

	#scale(key, number, by) {
		return this.text(key, { count: this.#decimals.format(number / by) });
	}

	/** The two largest units of a span of time. */
	timeSpan(ms) {
		const seconds = Math.round(ms / 1000);
		/** @type {[string, number, number][]} */
		const units = [["d", 86_400, 365], ["h", 3600, 24], ["min", 60, 60], ["s", 1, 60]];
		/** @type {[string, number][]} */
		const parts = units.map(([unit, of, most]) => [unit, Math.floor(seconds / of) % most]);
		const first = parts.findIndex(([, count]) => count > 0);
		const shown = first < 0 ? [["s", 0]] : parts.slice(first, first + 2);
		return shown.map(([unit, count]) => this.text(`span.${unit}`, { count })).join(" ");
	}

	timeAgo(iso) {
		let distance = (Date.parse(iso) - getApiTime()) / 1000;
		if (Math.abs(distance) < 10) return this.text("time.now");
		for (const [unit, most] of TIME_UNITS) {
			if (Math.abs(distance) < most) return this.#relative.format(Math.round(distance), unit);
			distance /= most;
		}
		return this.shortTime(Date.parse(iso));
	}

	exactTime(iso) {
		return this.#exact.format(Date.parse(iso));
	}

	/** With the zone where a clock change gives two times the same name. */
	shortTime(time) {
		return (isRepeated(time) ? this.#zoned : this.#short).format(time);
	}

	shortRange(from, to) {
		if (isRepeated(from) || isRepeated(to)) return `${this.#zoned.format(from)} – ${this.#zoned.format(to)}`;
		return this.#short.formatRange(from, to);
	}

	/** An element that shows how long ago a time was, and the time itself on hover. */
	createTime(iso) {
		return h("time", { datetime: iso, title: this.exactTime(iso) }, this.timeAgo(iso));
	}
}
