/** The retry schedule of a webhook: presets in words, or delays such as "5 s, 5 min, 2 h". */

import { fill, h, NO_AUTOCOMPLETE } from "./elements.js";
import { Invalid } from "./invalid.js";

const [MAX_DELAYS, MAX_DELAY_SECONDS] = [20, 86_400];
const [DEFAULT, NONE, CUSTOM] = ["default", "none", "custom"];

/** Seconds between attempts. The standard one is that of Standard Webhooks. */
const PRESETS = {
	standard: [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400],
	fast: [5, 30, 120, 600, 1800],
};

/** Seconds of each unit, the largest first; what a viewer may type, and the unit of Intl. */
const UNITS = [
	{ seconds: 86_400, unit: "day", typed: ["d", "day", "days"] },
	{ seconds: 3600, unit: "hour", typed: ["h", "hour", "hours"] },
	{ seconds: 60, unit: "minute", typed: ["min", "m", "minute", "minutes"] },
	{ seconds: 1, unit: "second", typed: ["s", "", "sec", "second", "seconds"] },
];

const areSame = (one, other) => String(one) === String(other);
/** The largest unit of which this is a whole number. */
const chooseUnit = (seconds) => UNITS.find((unit) => seconds >= unit.seconds && seconds % unit.seconds === 0) ?? UNITS[3];

function formatDelay(seconds) {
	const unit = seconds === MAX_DELAY_SECONDS ? UNITS[1] : chooseUnit(seconds);
	return `${seconds / unit.seconds} ${unit.typed[0]}`;
}

function inWords(locale, count, unit) {
	const format = new Intl.NumberFormat(locale.language, { style: "unit", unit, unitDisplay: "long" });
	return format.format(count);
}

/** A span in its largest unit, rounded: "3 days". */
function describeSpan(locale, seconds) {
	const unit = UNITS.find((each) => seconds >= each.seconds) ?? UNITS[3];
	return inWords(locale, Math.round(seconds / unit.seconds), unit.unit);
}

function describeDelays(locale, delays) {
	const each = delays.map((seconds) => {
		const unit = chooseUnit(seconds);
		return inWords(locale, seconds / unit.seconds, unit.unit);
	});
	const list = new Intl.ListFormat(locale.language, { type: "unit" });
	return locale.text("form.retry.schedule", { delays: list.format(each) });
}

const sum = (delays) => delays.reduce((total, delay) => total + delay, 0);

/** Reads delays, in seconds if no unit is given: a list of seconds, or Invalid. */
function parseDelays(text) {
	const given = text.trim();
	const parts = [...given.matchAll(/(\d+)\s*([a-z]*)[\s,;]*|(\S+)/gi)];
	const delays = parts.map(([, count, unit = ""]) => {
		const known = UNITS.find(({ typed }) => typed.includes(unit.toLowerCase()));
		return Number(count) * (known?.seconds ?? NaN);
	});
	const at = delays.findIndex((seconds) => !(seconds >= 1 && seconds <= MAX_DELAY_SECONDS));
	if (at >= 0) return new Invalid(["form.retry.wrong", { given: parts[at][0].trim() }]);
	if (!delays.length) return new Invalid(["form.required"]);
	return delays.length > MAX_DELAYS ? new Invalid(["form.retry.tooMany", { most: MAX_DELAYS }]) : delays;
}

/** Reads the text that `createScheduleField` gives: null for the deployment's schedule. */
export function parseSchedule(text) {
	if (text === DEFAULT) return null;
	return text === NONE ? [] : (PRESETS[text] ?? parseDelays(text.slice(CUSTOM.length)));
}

function choosePreset(delays) {
	if (!delays) return DEFAULT;
	if (!delays.length) return NONE;
	return Object.keys(PRESETS).find((name) => areSame(PRESETS[name], delays)) ?? CUSTOM;
}

/**
 * A choice of presets with the schedule in words below. Its property `readText` returns what `parseSchedule` reads.
 *
 * @param {any} locale
 * @param {number[] | null | undefined} delays
 */
export function createScheduleField(locale, delays) {
	const chosen = choosePreset(delays);
	const describePreset = (name) => {
		const preset = PRESETS[name];
		const values = preset && { count: preset.length, span: describeSpan(locale, sum(preset)) };
		return locale.text(`form.retry.${name}`, values);
	};
	const options = [DEFAULT, ...Object.keys(PRESETS), NONE, CUSTOM].map((name) =>
		h("option", { value: name, selected: name === chosen }, describePreset(name)),
	);
	const select = h("select", {
		id: "box-retry_schedule", name: "retry_schedule", "aria-describedby": "wrong-retry_schedule said-retry_schedule",
	}, options);
	const custom = h("input", {
		name: "retry_delays", "aria-label": locale.text("form.retry.delays"), placeholder: "5 s, 5 min, 2 h",
		"aria-describedby": "wrong-retry_schedule said-retry_schedule", ...NO_AUTOCOMPLETE,
	});
	custom.value = (delays ?? []).map(formatDelay).join(", ");
	const said = h("p.remark", { id: "said-retry_schedule" });
	const box = h("div.box",
		h("label", { for: "box-retry_schedule" }, locale.text("form.retry_schedule")),
		select, custom, h("p.wrong", { id: "wrong-retry_schedule" }), said,
	);
	const readText = () => (select.value === CUSTOM ? CUSTOM + custom.value : select.value);
	const update = () => {
		custom.hidden = select.value !== CUSTOM;
		const now = parseSchedule(readText());
		const describe = () => (now.length ? describeDelays(locale, now) : locale.text("form.retry.noRetries"));
		fill(said, Array.isArray(now) ? describe() : now === null ? locale.text("form.retry.own") : "");
	};
	box.addEventListener("input", update);
	update();
	return Object.assign(box, { readText });
}
