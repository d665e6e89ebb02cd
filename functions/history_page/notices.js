/** Notices, and errors in words. */

import { h } from "./elements.js";

export function toSentence(text) {
	return text.charAt(0).toUpperCase() + text.slice(1).replace(/[^.!?]$/, "$&.");
}

/** The API's own message, or its status. */
export const describeMessage = (locale, { message, status }) =>
	message ? toSentence(message) : locale.text("error.status", { status: String(status) });

/**
 * The title, text and look of an error.
 *
 * @returns {string[]}
 */
export function describeError(locale, error, scope = "executions:read") {
	const notice = (key, text = locale.text(`${key}.text`)) => [locale.text(`${key}.title`), text, "failure"];
	if (error.status === 0) return notice("error.unreachable");
	if (error.status === 401) return notice("error.expired");
	const message = describeMessage(locale, error);
	if (error.status === 403)
		return [locale.text("error.forbidden.title"), locale.text("error.forbidden.text", { message, scope })];
	return notice(error.status === 429 ? "error.throttled" : "error.other", message);
}

/** @param {string[]} texts title, text and look */
export const createNotice = ([title, text, look = ""], ...more) =>
	h(`div.notice.${look}`, h("h3", title), h("p", text), more);
