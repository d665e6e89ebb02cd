/** The state of the page in its address. */

import { FILTER_NAMES, parseFilter } from "./filter.js";

/** @returns {Record<string, string>} */
export function readAddress() {
	const query = new URLSearchParams(location.search);
	const names = [...FILTER_NAMES, "execution", "webhook", "view", "edit"];
	const given = Object.fromEntries(names.map((name) => [name, query.get(name) ?? ""]));
	return { ...given, ...parseFilter(given) };
}

export function writeAddress(changes) {
	const url = new URL(location.href);
	for (const [name, value] of Object.entries(changes)) {
		if (value) url.searchParams.set(name, value);
		else url.searchParams.delete(name);
	}
	history.replaceState(history.state, "", url);
}

export const readFragment = () => new URLSearchParams(location.hash.slice(1));
