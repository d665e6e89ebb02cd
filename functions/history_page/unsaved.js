/** What was typed into a dialog and is not saved, and the question before it is lost. */

import { createButton, fill, h } from "./elements.js";

const CONTROLS = "form.edits :is(input, textarea, select)";
const read = (control) => (["checkbox", "radio"].includes(control.type) ? String(control.checked) : control.value);

export class UnsavedQuestion {
	#text;
	#within = h("div");
	/** @type {Map<Element, string>} what each control had at first */
	#saved = new Map();
	#keep = () => {};
	#element = h("dialog.question", {
		role: "alertdialog", "aria-labelledby": "unsaved", "aria-describedby": "unsaved-text",
		// the dialog around it has listeners of its own
		keydown: (event) => event.stopPropagation(),
		mousedown: (event) => event.stopPropagation(),
		close: () => this.#keep(),
	});

	/** @param {(key: string) => string} text */
	constructor(text) {
		this.#text = text;
	}

	/** Takes the controls within an element as they are. */
	start(within) {
		this.#within = within;
		this.forget();
		this.settle(within);
	}

	settle(form) {
		for (const control of form.querySelectorAll("input, textarea, select")) this.#saved.set(control, read(control));
	}

	forget() {
		this.#saved.clear();
		this.#keep = () => {};
		this.#element.close();
		this.#element.remove();
	}

	/** Controls that are added later count once something is typed into them. */
	get isEdited() {
		if (!this.#saved.size) return false;
		const isChanged = (control) => read(control) !== (this.#saved.get(control) ?? "");
		return [...this.#within.querySelectorAll(CONTROLS)].some(isChanged);
	}

	/** Asks whether to discard what was typed; the latest answer that is asked for counts. */
	ask(within, discard, keep) {
		const choose = (act) => () => {
			this.#keep = () => {};
			this.#element.close();
			act();
		};
		const confirm = () => {
			this.forget();
			discard();
		};
		const [title, text, stay, leave] = ["title", "text", "keep", "discard"].map((key) => this.#text(`unsaved.${key}`));
		const kept = createButton(stay, choose(keep), "primary");
		fill(this.#element,
			h("h3", { id: "unsaved" }, title),
			h("p", { id: "unsaved-text" }, text),
			h("div.actions", kept, createButton(leave, confirm, "danger")),
		);
		this.#keep = keep;
		within.append(this.#element);
		if (!this.#element.open) this.#element.showModal();
		kept.focus();
	}
}
