/** The parts of one execution. */

import { createBodyBlock, createHeaderBlock } from "./body.js";
import { createCopyButton, createRemark, h, isolate } from "./elements.js";
import { createBadge, describeAttempt, describeCode } from "./result.js";

function* listFacts(locale, execution) {
	const { error, url, executed_at: at } = execution;
	const isWide = execution.result === 0 && !execution.skipped;
	yield ["result", createBadge(locale, execution, describeCode), execution.result, isWide && "wide"];
	if (!execution.success) yield ["hardError", ...Array(2).fill(locale.text(execution.hard_error ? "yes" : "no"))];
	yield ["attempt", isolate(describeAttempt(locale, execution))];
	yield ["duration", locale.duration(execution.duration_ms)];
	const wide = (name, copied, shown = isolate(copied)) => [name, shown, copied, "wide"];
	if (error) {
		yield wide("error", error.type);
		yield wide("errorMessage", error.message);
	}
	for (const field of ["redelivered", "resent_on_new_connection"]) {
		if (execution[field]) yield wide("duplicate", locale.text(`duplicate.${field}`));
	}
	yield wide("time", at, locale.exactTime(at));
	if (url) yield wide("url", url, isolate(`${execution.method} ${url}`));
	yield wide("messageId", execution.message_id);
	yield wide("executionId", execution.execution_id);
}

export function createFactList(locale, execution) {
	return h("dl.facts", [...listFacts(locale, execution)].map(([key, value, copied, width]) => {
		const name = locale.text(`fact.${key}`);
		const copy = copied == null ? [] : createCopyButton(locale, name, String(copied), "icon");
		return h("div", { class: width }, h("dt", name), h("dd", h("span", value), copy));
	}));
}

export function* createDetails(locale, execution) {
	const { request_headers: headers, request_body: sent, response_headers: received } = execution;
	if (headers) yield createHeaderBlock(locale, locale.text("fact.headers"), headers);
	if (sent != null) yield createBodyBlock(locale, locale.text("fact.requestBody"), execution);
	if (execution.response_body != null)
		yield createBodyBlock(locale, locale.text("fact.responseBody"), execution, "response_body");
	const title = locale.text("fact.responseHeaders");
	if (received) yield createHeaderBlock(locale, title, received, execution.response_headers_truncated);
	if (headers || sent != null) return;
	const reason = execution.erased ? "erased" : execution.success ? "failuresOnly" : "expired";
	yield createRemark(locale.text(`details.${reason}`));
}
