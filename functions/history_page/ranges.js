/**
 * Ranges of time, as the filter and the address write them.
 *
 * An instant is in UTC, to the minute or second (2026-10-25T01:30Z), so that it is the same for every viewer and both
 * 02:30 of a clock change differ.
 */

import { getApiTime } from "./clock.js";

export const [MINUTE, HOUR, DAY] = [60_000, 3_600_000, 86_400_000];

/** Ranges that end now. */
export const PRESETS = { "24h": DAY, "7d": 7 * DAY, "30d": 30 * DAY };

export const toInstant = (ms) => new Date(ms).toISOString().replace(/(:00)?\.\d+Z$/, "Z");

/** A local time without an offset, or a local day: its start, or the start of the day after it. */
function parseLocal(text, daysLater) {
	const isDay = text.length === 10;
	const [year, month, day, hours = 0, minutes = 0, seconds = 0] = text.split(/[-T:]/).map(Number);
	return new Date(year, month - 1, isDay ? day + daysLater : day, hours, minutes, seconds).getTime();
}

/** An instant from a text with an offset, a local time or a local day, which a range includes; "" if it is none. */
export function parseInstant(text, daysLater = 0) {
	if (!/^\d{4}-\d\d-\d\d(T\d\d:\d\d.*)?$/.test(text) || !isFinite(Date.parse(text))) return "";
	const isLocal = /^.{10}(T\d\d:\d\d(:\d\d)?)?$/.test(text);
	return toInstant(isLocal ? parseLocal(text, daysLater) : Date.parse(text));
}

/** The value of an input of the type datetime-local: an instant in the viewer's zone. */
export function toLocalInput(instant) {
	const ms = Date.parse(instant);
	return isFinite(ms) ? toInstant(ms - new Date(ms).getTimezoneOffset() * MINUTE).slice(0, -1) : "";
}

/** Puts both ends of a range into order. */
export function parseRange(from, to) {
	if (Object.hasOwn(PRESETS, from)) return { from, to: "" };
	const [start, end] = [parseInstant(from), parseInstant(to, 1)];
	return start && end && Date.parse(start) > Date.parse(end)
		? { from: parseInstant(to), to: parseInstant(from, 1) }
		: { from: start, to: end };
}

/** Both ends in milliseconds; undefined where a range is open. A bar narrows the range to itself. */
export function resolveRange({ from, to, bar }) {
	const [start, end] = bar ? bar.split("/") : [from, to];
	const preset = PRESETS[start];
	const parse = (text) => (text ? Date.parse(text) : undefined);
	return preset ? { start: getApiTime() - preset } : { start: parse(start), end: parse(end) };
}

/** Whether the viewer's clocks show this time twice, because they are turned back. */
export function isRepeated(time) {
	const getOffset = (ms) => new Date(ms).getTimezoneOffset();
	const own = getOffset(time);
	return [-DAY / 4, DAY / 4].map((away) => getOffset(Number(time) + away)).some((other) => {
		const twin = Number(time) + (other - own) * MINUTE;
		return other !== own && getOffset(twin) === other;
	});
}
