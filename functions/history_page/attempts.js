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

export class Timeline {
	elements;

	#locale;
	#shown;
	#view;
	#list = h("ol");
	/** The IDs of the attempts that it lists. */
	#ids = [];

	/**
	 * @param {any} locale
	 * @param {string} shown the ID of the execution that is open
	 * @param {(id: string) => void} view
	 */
	constructor(locale, shown, view) {
		this.#locale = locale;
		this.#shown = shown;
		this.#view = view;
		this.elements = [h("h3", locale.text("attempts")), this.#list];
	}

	/** Lists attempts, oldest first; keeps the items that it has, one of which may have the focus. */
	update(attempts) {
		const ids = attempts.map(({ execution_id: id }) => id);
		const changed = ids.findIndex((id, at) => id !== this.#ids[at]);
		const kept = changed < 0 ? ids.length : changed;
		this.#ids = ids;
		while (this.#list.children.length > kept) this.#list.lastChild?.remove();
		const added = attempts.slice(kept);
		this.#list.append(...added.map((execution) => createAttemptItem(this.#locale, execution, this.#shown, this.#view)));
		const { next_attempt_at: next, attempt: last } = attempts.at(-1);
		const name = this.#locale.text("attempt.name", { attempt: last + 1 });
		if (next) this.#list.append(h("li", name, h("span", { role: "timer", title: this.#locale.exactTime(next) })));
	}
}
