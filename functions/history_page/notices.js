/** Notices, and errors in words. */

import { h } from "./elements.js";
import { inspectToken } from "./token.js";

export function toSentence(text) {
	return text.charAt(0).toUpperCase() + text.slice(1).replace(/[^.!?]$/, "$&.");
}

/** The API's own message, or its status. */
export const describeMessage = (locale, { message, status }) =>
	message ? toSentence(message) : locale.text("error.status", { status: String(status) });

/** Why the API rejects a token, as far as its claims tell. */
function describeToken(locale, token) {
	const { problem, time } = inspectToken(token);
	const since = problem === "expired" ? [locale.text("error.expired.since", { time: locale.shortTime(time) })] : [];
	const key = `error.${problem || "expired"}`;
	const text = locale.text(`${key}.text`, { time: problem === "early" ? locale.shortTime(time) : "" });
	return [locale.text(`${key}.title`), [...since, text].join(" "), "failure"];
}

/**
 * The title, text and look of an error.
 *
 * @returns {string[]}
 */
export function describeError(locale, error, scope = "executions:read") {
	const notice = (key, text = locale.text(`${key}.text`)) => [locale.text(`${key}.title`), text, "failure"];
	if (error.status === 0) return notice("error.unreachable");
	if (error.status === 401) return describeToken(locale, error.token);
	const message = describeMessage(locale, error);
	if (error.status === 403)
		return [locale.text("error.forbidden.title"), locale.text("error.forbidden.text", { message, scope })];
	return notice(error.status === 429 ? "error.throttled" : "error.other", message);
}

/** @param {string[]} texts title, text and look */
export const createNotice = ([title, text, look = ""], ...more) =>
	h(`div.notice.${look}`, h("h3", title), h("p", text), more);
