/** What came back, in words. */

import { h } from "./elements.js";

export const classify = ({ success, result }) => (success ? "success" : result === 0 ? "unreached" : "failure");

export function describeResult(locale, { skipped, result, error_type: listed, error }) {
	if (skipped) return locale.text("result.skipped");
	if (result !== 0) return String(result);
	return `0 · ${locale.nameOf("result", error?.type ?? listed, "result.no_response")}`;
}

export const createBadge = (locale, execution) =>
	h(`span.badge.${classify(execution)}`, describeResult(locale, execution));

export const describeAttempt = (locale, { attempt, trigger }) =>
	trigger === "event" ? `${attempt}` : `${attempt} · ${locale.nameOf("trigger", trigger)}`;
