/** The filter of the list of executions. */

import { parseInstant, parseRange, resolveRange } from "./ranges.js";
import { ERROR_TYPES } from "./result.js";

/** `from` is also a preset; `bar` is a part of the range, chosen on the chart: two instants. */
export const EMPTY_FILTER = { status: "", from: "", to: "", bar: "", message: "", event: "", result: "", error: "" };
export const FILTER_NAMES = Object.keys(EMPTY_FILTER);

export const isEmpty = (filter) => FILTER_NAMES.every((name) => !filter[name]);
export const areEqual = (one, other) => FILTER_NAMES.every((name) => one[name] === other[name]);

function parseBar(text) {
	const ends = text.split("/").map((end) => parseInstant(end));
	return ends.length === 2 && ends[0] && ends[1] > ends[0] ? ends.join("/") : "";
}

/**
 * A filter from texts of a form, a link or the host. Drops what is invalid.
 *
 * @param {Record<string, string>} given
 */
export function parseFilter(given) {
	const { status, from, to, bar, message, event, result, error } = { ...EMPTY_FILTER, ...given };
	const keep = (text, isValid) => (isValid ? text : "");
	return {
		status: keep(status, ["success", "failure"].includes(status)),
		...parseRange(from, to),
		bar: parseBar(bar),
		message: message.trim(),
		event: event.trim(),
		result: keep(result, /^(0|[1-9]\d\d|[1-9]xx)$/.test(result)),
		error: keep(error, ERROR_TYPES.includes(error)),
	};
}

/** The parameters of the API for a filter, apart from the message. A preset ends now, when this is called. */
export function buildQuery(filter) {
	const { status, event: event_type, result, error: error_type } = filter;
	const { start, end } = resolveRange(filter);
	const [from, to] = [start, end].map((ms) => ms !== undefined && new Date(ms).toISOString());
	const query = { status, event_type, result, error_type, from, to };
	return Object.fromEntries(Object.entries(query).filter(([, value]) => value));
}

/** Whether the API searches for matches: it then reads a bounded number of executions for each page. */
export const isSearch = ({ status, event, result, error }) => [status, event, result, error].some(Boolean);

/** Applies a filter to executions that the API lists without one. */
export function matchesFilter(execution, filter) {
	const { status, event, result, error } = filter;
	const { from = "", to = "~" } = buildQuery(filter);
	const { success, executed_at: at, event_type: type = "", error_type: found } = execution;
	const code = String(execution.result);
	return (!status || success === (status === "success")) &&
		from <= at && at < to &&
		(!event || (event.endsWith(".*") ? type.startsWith(event.slice(0, -1)) : type === event)) &&
		(!result || code === result || (result.endsWith("xx") && code.length === 3 && code[0] === result[0])) &&
		(!error || found === error);
}
