/** A row of the list of executions, and the table around the rows. */

import { createButton, h, isolate, isolateName } from "./elements.js";
import { createBadge, describeAttempt, describeResult } from "./result.js";

const COLUMNS = ["time", "result", "event", "attempt", "duration", "next", "view"];

function createNextAttempt(locale, { next_attempt_at: next, exhausted }) {
	return next ? locale.createTime(next) : exhausted ? locale.text("next.none") : "–";
}

/** Narrow lists have no headings: a label is shown in the cell. */
function createCell(kind, content, label = null) {
	const made = h(`td.${kind}`, { role: "cell", "data-label": label }, content);
	made.style.setProperty("--area", kind);
	return made;
}

export function createRow(locale, execution, view) {
	const { event_type: event = "–", executed_at: at, execution_id: id } = execution;
	const name = locale.text("view.name", {
		event,
		result: describeResult(locale, execution),
		time: locale.exactTime(at),
	});
	const open = createButton(locale.text("view"), () => view(id), "view", { "aria-label": name });
	return h("tr.row", { role: "row" },
		createCell("time", locale.createTime(at)),
		createCell("result", createBadge(locale, execution)),
		createCell("event", [isolateName(event), h("span.id", isolateName(execution.message_id))]),
		createCell("attempt", isolate(describeAttempt(locale, execution)), locale.text("column.attempt")),
		createCell("duration", locale.duration(execution.duration_ms)),
		createCell("next", createNextAttempt(locale, execution), locale.text("column.next")),
		createCell("open", open),
	);
}

export function createTable(locale, body) {
	const headings = COLUMNS.map((name) =>
		h("th", { role: "columnheader", scope: "col", class: name }, locale.text(`column.${name}`)),
	);
	const head = h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, headings));
	return h("table", { role: "table", "aria-label": locale.text("executions.label") }, head, body);
}
