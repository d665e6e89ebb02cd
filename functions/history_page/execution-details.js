/** The parts of one execution. */

import { createBodyBlock, createHeaderBlock } from "./body.js";
import { createButton, createCopyButton, createRemark, h, isolate } from "./elements.js";
import { createBadge, describeAttempt, describeCode } from "./result.js";

const wide = (name, copied, shown = isolate(copied)) => [name, shown, copied, "wide"];

export function* listFacts(locale, execution) {
	const { error, executed_at: at } = execution;
	const isWide = execution.result === 0 && !execution.skipped;
	yield ["result", createBadge(locale, execution, describeCode), execution.result, isWide && "wide"];
	if (!execution.success) yield ["hardError", ...Array(2).fill(locale.text(execution.hard_error ? "yes" : "no"))];
	yield ["attempt", isolate(describeAttempt(locale, execution))];
	yield ["duration", locale.duration(execution.duration_ms)];
	if (error) {
		yield wide("error", error.type);
		yield wide("errorMessage", error.message);
	}
	for (const field of ["redelivered", "resent_on_new_connection"]) {
		if (execution[field]) yield wide("duplicate", locale.text(`duplicate.${field}`));
	}
	yield wide("time", at, locale.exactTime(at));
}

export function* listIds({ message_id: message, execution_id: id }) {
	yield wide("messageId", message);
	yield wide("executionId", id);
}

export function createFactList(locale, facts) {
	return h("dl.facts", [...facts].map(([key, value, copied, width]) => {
		const name = locale.text(`fact.${key}`);
		const copy = copied == null ? [] : createCopyButton(locale, name, String(copied), "icon");
		return h("div", { class: width }, h("dt", name), h("dd", h("span", value), copy));
	}));
}

const createSection = (locale, name, ...children) =>
	h(`section.${name}`, { tabindex: "-1", "aria-label": locale.text(`section.${name}`) }, children);

function* listResponse(locale, execution) {
	const { response_body: body, response_headers: headers, response_headers_truncated: truncated } = execution;
	if (body != null) yield createBodyBlock(locale, locale.text("fact.responseBody"), execution, "response_body");
	if (headers) yield createHeaderBlock(locale, locale.text("fact.responseHeaders"), headers, truncated);
}

function* listRequest(locale, execution) {
	const { request_headers: headers, request_body: body, url, method } = execution;
	if (url) yield createFactList(locale, [wide("url", url, isolate(`${method} ${url}`))]);
	if (body != null) yield createBodyBlock(locale, locale.text("fact.requestBody"), execution);
	if (headers) yield createHeaderBlock(locale, locale.text("fact.headers"), headers);
}

function explainMissing(locale, { erased, success, skipped, details_of: kept = "failures", response_body_bytes: bytes }) {
	const onlyFailures = kept === "failures" && success;
	const reason = erased ? "erased" : kept === "none" ? "none" : onlyFailures ? "failuresOnly" : "expired";
	const size = !skipped && bytes != null ? ` ${locale.text("details.size", { size: locale.size(bytes) })}` : "";
	return createRemark(locale.text(`details.${reason}`) + size);
}

/** The response, then the request; or why neither is stored. */
export function createDetails(locale, execution) {
	const [response, request] = [listResponse, listRequest].map((list) => [...list(locale, execution)]);
	const sections = [];
	if (response.length) sections.push(createSection(locale, "response", response));
	if (request.length) sections.push(createSection(locale, "request", request));
	const { request_headers: headers, request_body: body } = execution;
	return headers || body != null ? sections : [explainMissing(locale, execution), ...sections];
}

/** Buttons that go to the sections: links would change the page's address. */
export function createNavigation(locale, sections) {
	const go = (section) => () => {
		section.focus({ preventScroll: true });
		section.scrollIntoView();
	};
	const buttons = sections.map((section) => createButton(section.ariaLabel, go(section), "link"));
	return h("nav.sections", { "aria-label": locale.text("sections"), hidden: sections.length < 2 }, buttons);
}
