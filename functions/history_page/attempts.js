/** The attempts of a message. */

import { createButton, h, isolate } from "./elements.js";
import { classify, createBadge } from "./result.js";

function createAttemptItem(locale, execution, shown, view) {
	const { execution_id: id, trigger, executed_at: at } = execution;
	const [name, current] = [locale.text("attempt.name", { attempt: execution.attempt }), id === shown];
	return h("li", { class: classify(execution), "aria-current": current && "true" },
		current ? h("b", name) : createButton(name, () => view(id), "link"),
		createBadge(locale, execution),
		trigger === "event" ? [] : h("span.muted", isolate(locale.nameOf("trigger", trigger))),
		locale.createTime(at),
	);
}

export function createTimeline(locale, attempts, shown, view) {
	const items = attempts.map((execution) => createAttemptItem(locale, execution, shown, view));
	const { next_attempt_at: next, attempt: last } = attempts.at(-1);
	const name = locale.text("attempt.name", { attempt: last + 1 });
	if (next) items.push(h("li", name, h("span", { role: "timer", title: locale.exactTime(next) })));
	return [h("h3", locale.text("attempts")), h("ol", items)];
}
