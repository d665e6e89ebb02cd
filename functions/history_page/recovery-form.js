/** The form that recovers what failed on a webhook in a period. */

import { escapePath } from "./api.js";
import { createRemark, h } from "./elements.js";
import { createField, findErrorPlaces, setFieldError } from "./webhook-fields.js";

const POLL_MS = 1_500;

export class RecoveryForm {
	element;

	#dialog;

	/** @param {any} dialog of the webhook */
	constructor(dialog) {
		this.#dialog = dialog;
		const text = (key) => dialog.text(key);
		const type = { type: "datetime-local", max: "9999-12-31T23:59" };
		this.element = h("form", { novalidate: true, submit: () => this.#start() },
			h("h3", text("recover")),
			createRemark(text("recover.text")),
			createField(dialog.locale, "since", "", { ...type, required: true }),
			createField(dialog.locale, "until", "", type, "form.until.hint"),
			h("button", text("recover")),
		);
	}

	#read(name) {
		const { value } = this.element.elements[name];
		return value && new Date(value).toISOString();
	}

	async #start() {
		const [since, until] = [this.#read("since"), this.#read("until")];
		if (!since) {
			const place = findErrorPlaces(this.element).get("since");
			return setFieldError(place, this.#dialog.text("form.required")).focus();
		}
		const { signal } = this.#dialog.viewing;
		const started = await this.#dialog.request("POST", "/recover", { since, ...(until && { until }) });
		while (started && !signal.aborted) {
			const progress = await this.#dialog.request("GET", escapePath`/recover/${started.recovery_id}`);
			if (!progress) return;
			this.#dialog.showMessage(this.#dialog.text(`recover.${progress.status}`, progress));
			if (progress.status !== "running") return;
			await new Promise((wake) => setTimeout(wake, POLL_MS));
		}
	}
}
