/** The state of the page in its address. */

export const EMPTY_FILTER = { status: "", from: "", to: "", message: "" };
export const FILTER_NAMES = Object.keys(EMPTY_FILTER);

/** @returns {Record<string, string>} */
export function readAddress() {
	const query = new URLSearchParams(location.search);
	const names = [...FILTER_NAMES, "execution", "webhook", "view", "edit"];
	const given = Object.fromEntries(names.map((name) => [name, query.get(name) ?? ""]));
	const day = (text) => (/^\d{4}-\d\d-\d\d$/.test(text) && isFinite(Date.parse(text)) ? text : "");
	const status = ["success", "failure"].includes(given.status) ? given.status : "";
	return { ...given, status, ...sortDays(day(given.from), day(given.to)) };
}

export const sortDays = (from, to) => from && to && from > to ? { from: to, to: from } : { from, to };

export function writeAddress(changes) {
	const url = new URL(location.href);
	for (const [name, value] of Object.entries(changes)) {
		if (value) url.searchParams.set(name, value);
		else url.searchParams.delete(name);
	}
	history.replaceState(history.state, "", url);
}

function toStartOfDay(day, daysLater = 0) {
	const [year, month, date] = day.split("-").map(Number);
	return new Date(year, month - 1, date + daysLater).toISOString();
}

/** The parameters of the API for a filter. */
export const buildQuery = ({ status, from, to }) =>
	({ ...(status && { status }), ...(from && { from: toStartOfDay(from) }), ...(to && { to: toStartOfDay(to, 1) }) });

export function matchesFilter(execution, filter) {
	const { status, from = "", to = "~" } = buildQuery(filter);
	const at = execution.executed_at;
	return (!status || execution.success === (status === "success")) && from <= at && at < to;
}

export const readFragment = () => new URLSearchParams(location.hash.slice(1));
