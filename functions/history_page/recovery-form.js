/** The form that sends a webhook's messages of a period again, after it has counted them. */

import { escapePath } from "./api.js";
import { createButton, createRemark, h, setText } from "./elements.js";
import { createField, findErrorPlaces, setFieldError } from "./webhook-fields.js";

const POLL_MS = 1_500;
const STATUSES = ["failure", "success", "all"];

export class RecoveryForm {
	element;

	#dialog;
	#opener;
	/** What the panel shows; an earlier run of the form does not touch it any more. */
	#shown = {};

	/** @param {any} dialog of the webhook */
	constructor(dialog) {
		this.#dialog = dialog;
		const { locale } = dialog;
		const type = { type: "datetime-local", max: "9999-12-31T23:59" };
		const options = STATUSES.map((value) => [value, locale.text(`status.${value}`)]);
		this.#opener = h("button", locale.text("recover"));
		this.element = h("form", { novalidate: true, submit: () => this.#start() },
			h("h3", locale.text("recover")),
			createRemark(locale.text("recover.text")),
			createField(locale, "since", "", { ...type, required: true }),
			createField(locale, "until", "", type, "form.until.hint"),
			createField(locale, "status", STATUSES[0], { options }),
			createField(locale, "event_type", "", { placeholder: "order.*" }),
			this.#opener,
		);
	}

	#text(key, values) {
		return this.#dialog.text(key, values);
	}

	#read() {
		const { since, until, status, event_type: type } = this.element.elements;
		const toIso = ({ value }) => value && new Date(value).toISOString();
		const given = { since: toIso(since), until: toIso(until), status: status.value, event_type: type.value.trim() };
		return Object.fromEntries(Object.entries(given).filter(([, value]) => value));
	}

	async #start() {
		const selected = this.#read();
		if (!selected.since) {
			const place = findErrorPlaces(this.element).get("since");
			return setFieldError(place, this.#text("form.required")).focus();
		}
		// what is sent is what was counted
		const recover = ({ filters: { until } }) => this.#recover({ ...selected, until });
		const counted = await this.#run({ ...selected, dry_run: true }, (progress) => this.#showCount(progress, recover));
		if (counted) this.#showCounted(counted, () => recover(counted));
	}

	/** Counting takes long only if there is much to count. */
	#showCount(progress, recover) {
		if (progress.status !== "running") return;
		const { panel } = this.#dialog;
		const text = this.#text("recover.counting", { count: progress.found });
		if (panel.querySelector(".now")) return setText(panel.querySelector("bdi"), text);
		const act = createButton(this.#text("recover.now"), () => recover(progress), "now");
		this.#dialog.showMessage(text, act);
	}

	#showCounted({ status, found, not_kept: lost }, recover) {
		if (status === "stopped") return this.#dialog.showMessage(this.#text("recover.replaced"));
		const missing = lost ? this.#text("recover.notKept", { count: lost }) : "";
		const count = found - lost;
		if (!count) return this.#dialog.showMessage(missing || this.#text("recover.none"));
		const question = `${this.#text("recover.question", { count })} ${missing}`.trim();
		this.#dialog.ask("recover", question, recover, this.#opener);
	}

	#recover(selected) {
		const show = (progress) => this.#dialog.showMessage(this.#text(`recover.${progress.status}`, progress));
		return this.#run(selected, show);
	}

	/** Returns the last progress; nothing if it failed or the panel shows something else. */
	async #run(selected, show) {
		const { panel, viewing: { signal } } = this.#dialog;
		const run = (this.#shown = {});
		let shown = panel.firstChild;
		const isShown = () => !signal.aborted && this.#shown === run && panel.firstChild === shown;
		const started = await this.#dialog.request("POST", "/recover", selected);
		while (started && isShown()) {
			const path = escapePath`/recover/${started.recovery_id}`;
			const fail = (error) => void (isShown() && this.#dialog.showError(error, path));
			const progress = await this.#dialog.request("GET", path, undefined, fail);
			if (!progress || !isShown()) return;
			show(progress);
			shown = panel.firstChild;
			if (progress.status !== "running") return progress;
			await new Promise((wake) => setTimeout(wake, POLL_MS));
		}
	}
}
