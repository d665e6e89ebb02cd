/** What came back, in words. */

import { h } from "./elements.js";

export const ERROR_TYPES = [
	"dns_failure", "connection_refused", "connect_timeout", "tls_error", "blocked_address", "invalid_url", "read_timeout",
	"deadline_exceeded", "connection_reset", "protocol_error", "transformation_error", "unknown_webhook",
	"disabled_webhook",
];

export const classify = ({ success, result }) => (success ? "success" : result === 0 ? "unreached" : "failure");

/** The status code, or why there is none. */
export function describeResult(locale, { skipped, result, error_type: listed, error }) {
	if (skipped) return locale.text("result.skipped");
	if (result !== 0) return String(result);
	return locale.nameOf("result", error?.type ?? listed, "result.no_response");
}

/** The result, also where it is 0. */
export const describeCode = (locale, execution) =>
	(execution.result === 0 && !execution.skipped ? "0 · " : "") + describeResult(locale, execution);

export const createBadge = (locale, execution, describe = describeResult) =>
	h(`span.badge.${classify(execution)}`, { part: "badge" }, describe(locale, execution));

export const describeAttempt = (locale, { attempt, trigger }) =>
	trigger === "event" ? `${attempt}` : `${attempt} · ${locale.nameOf("trigger", trigger)}`;
