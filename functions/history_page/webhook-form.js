/** The form of a webhook's settings. */

import { createSwitch, h } from "./elements.js";
import { Invalid } from "./invalid.js";
import { addShowButton, createField, listFields } from "./webhook-fields.js";

export class WebhookForm {
	element;

	#locale;
	#webhook;
	/** @type {import("./webhook-fields.js").Field[]} */
	#fields;
	/** @type {Map<string, any>} by the field's name */
	#boxes = new Map();
	#enabled;
	#ordered;
	/** @type {HTMLElement | null} what had the focus when saving began */
	#focused = null;

	/**
	 * @param {any} locale
	 * @param {any} webhook as the API returned it, or null for a new one
	 * @param {any} preview shown below the transformation
	 * @param {{save: () => void, change: (event: Event) => void}} listeners
	 */
	constructor(locale, webhook, preview, { save, change }) {
		this.#locale = locale;
		this.#webhook = webhook;
		this.#fields = listFields(!webhook);
		for (const { name, format, attributes, hint, create } of this.#fields) {
			const value = format(webhook?.[name]);
			this.#boxes.set(name, create?.(locale, value) ?? createField(locale, name, value, attributes, hint));
		}
		const described = "wrong-ordered hint-ordered";
		this.#ordered = createSwitch({ name: "ordered", checked: webhook?.ordered, "aria-describedby": described });
		this.#enabled = createSwitch({ name: "enabled", checked: webhook?.enabled });
		this.element = h("form.edits", { "aria-label": locale.text("webhook"), novalidate: true, submit: save, input: change },
			[...this.#boxes.values()],
			preview,
			h("div.box",
				h("label.live", this.#ordered, locale.text("form.ordered")),
				h("p.wrong", { id: "wrong-ordered" }),
				h("p.remark", { id: "hint-ordered" }, locale.text("form.ordered.hint")),
			),
			h("label.live", this.#enabled, locale.text("form.enabled")),
			h("button.primary", locale.text("form.save")),
		);
	}

	focus() {
		this.element.elements[0].focus();
	}

	/**
	 * Disables the form during a save, whose response replaces its fields; enables it after an error. The focus returns to
	 * where it was, unless it has moved.
	 */
	setSaving(isSaving) {
		const { activeElement } = this.element.getRootNode();
		if (isSaving) this.#focused = activeElement;
		for (const control of this.element.elements) control.disabled = isSaving;
		if (!isSaving && (!activeElement || activeElement === this.#focused)) this.#focused?.focus();
	}

	/** The text of a field, as its parser reads it. */
	readText(name) {
		const box = this.#boxes.get(name);
		return box.readText ? box.readText() : this.element.elements[name].value;
	}

	/** Offers to show masked headers. */
	offerHeaders(load, shown) {
		addShowButton(this.#locale, this.#boxes.get("headers"), load, shown);
	}

	/**
	 * The webhook to save, and what is wrong, by field. A wrong text stays a text, which the API rejects where it
	 * expects another type.
	 *
	 * @returns {{ fields: Record<string, any>, wrong: Map<string, string> }}
	 */
	read() {
		/** @type {Record<string, any>} */
		const fields = {
			...this.#webhook, enabled: this.#enabled.checked, ordered: this.#ordered.checked,
		};
		/** @type {Map<string, string>} */
		const wrong = new Map();
		for (const { name, parse } of this.#fields) {
			const text = this.readText(name);
			const value = parse(text);
			if (value instanceof Invalid) wrong.set(name, value.describe(this.#locale));
			fields[name] = value instanceof Invalid ? text : value;
		}
		return { fields, wrong };
	}
}
