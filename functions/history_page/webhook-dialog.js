/** The dialog of a webhook. */

import { NEW_WEBHOOK } from "./address.js";
import { escapePath, RESEND } from "./api.js";
import { DetailsDialog } from "./dialog.js";
import { announce, createButton, createCopyButton, h, isolate } from "./elements.js";
import { toSentence } from "./notices.js";
import { RecoveryForm } from "./recovery-form.js";
import { createRotationFields, readRotation } from "./secret-rotation.js";
import { findErrorPlaces, setFieldError } from "./webhook-fields.js";
import { WebhookForm } from "./webhook-form.js";
import { WebhookTest } from "./webhook-test.js";

/** Without the values of sensitive headers, which the viewer asks for. */
const MASKED = "?masked=true";

export const createDisabledRemark = (locale, { disabled_reason: reason }) =>
	reason ? h("p.wrong", isolate(locale.text("webhook.disabledReason", { reason }))) : [];

export class WebhookDialog extends DetailsDialog {
	name = "webhook";
	query = MASKED;
	scope = "webhooks:read";

	#saved = false;
	#webhook;
	/** @type {any} */
	#form;
	/** @type {any} */
	#test;

	at(id) {
		return escapePath`/webhooks/${id}`;
	}

	showId(id) {
		if (id === NEW_WEBHOOK && this.shown !== id) this.openNew();
		else super.showId(id);
	}

	openNew = () => {
		this.begin();
		this.#webhook = null;
		this.#createForms();
		this.render([this.panel, this.#form.element, this.#test.element], this.text("webhook.new"));
		this.#form.focus();
		this.shown = NEW_WEBHOOK;
		this.viewed(NEW_WEBHOOK);
	};

	show(webhook) {
		const isSame = !this.#webhook || this.#webhook.webhook_id === webhook.webhook_id;
		const sample = isSame ? this.#test?.sample : "";
		this.#webhook = webhook;
		if (this.shown !== this.id) this.viewed((this.shown = this.id), true);
		this.#createForms(sample);
		const parts = [createDisabledRemark(this.locale, webhook), this.#form.element, this.#test.element];
		if (this.api.allows(RESEND)) parts.push(new RecoveryForm(this).element);
		this.render([this.panel, ...parts], webhook.name || this.id, this.#createActions());
		if (webhook.transformation) this.#test.showPreview();
	}

	onClose() {
		super.onClose();
		this.#test?.stop();
		this.#test = null;
		if (this.#saved) this.changed(this.id);
		this.#saved = false;
	}

	#createForms(sample = "") {
		const webhook = this.#webhook;
		this.#test?.stop();
		this.#test = new WebhookTest(this, !webhook, sample, (name) => this.#form.readText(name));
		this.#form = new WebhookForm(this.locale, webhook, this.#test.preview, {
			save: () => this.#save(),
			change: this.#test.schedulePreview,
		});
		if (!webhook) return;
		const load = async () => (await this.request("GET"))?.headers;
		this.#form.offerHeaders(load, (box) => this.settle(box));
	}

	#createActions() {
		const [rotate, remove] = ["rotate.question", "delete.question"].map((key) => this.text(key));
		return [
			createButton(this.text("secret.show"), () => this.#requestSecret("GET")),
			this.createConfirmedButton("rotate", rotate, (form) => this.#rotate(form), "", () => createRotationFields(this.locale)),
			this.createConfirmedButton("delete", remove, () => this.#delete(), "danger"),
		];
	}

	/** Asks the API even if a text was not understood, to show all errors at once. Only a wrong ID has no address. */
	async #save() {
		const form = this.#form;
		const { fields, wrong } = form.read();
		this.panel.hidden = true;
		if (wrong.has("webhook_id")) return this.#showErrors(wrong);
		// the API says more about these
		if (fields.url.trim()) wrong.delete("url");
		wrong.delete("timeout_seconds");
		if (!this.#webhook) this.id = fields.webhook_id;
		form.setSaving(true);
		const saved = await this.request("PUT", "", fields, (error) => {
			form.setSaving(false);
			this.showError(error, "", wrong);
		});
		if (!saved) return;
		this.#saved = true;
		this.settle(form.element);
		const isNew = !this.#webhook;
		const { secret, ...webhook } = saved;
		const shown = await this.request("GET", MASKED, undefined, () => ({ ...webhook, headers: fields.headers }));
		if (!shown) return;
		this.show(shown);
		if (isNew) this.#showSecret(this.text("webhook.added"), secret);
		else this.showMessage(this.text("webhook.saved"));
	}

	/** @param {Map<string, string>} [wrong] what is wrong with texts that were not understood, by field */
	showError(error, rest, wrong = new Map()) {
		const { status, message, errors } = error;
		if (status === 409 && rest) return this.showMessage(toSentence(message));
		if (status === 409 && this.#webhook) {
			const reload = createButton(this.text("reload"), () => this.open(this.id));
			return this.showMessage(this.text("webhook.conflict"), reload);
		}
		if (!errors.length && !wrong.size) return super.showError(error);
		const rejected = errors.map((each) => [each.field, toSentence(each.message)]);
		const others = this.#showErrors(new Map([...rejected, ...wrong]));
		if (others.length) this.showMessage(others.join(" "));
	}

	/** Shows errors at their fields; returns those of other fields. */
	#showErrors(wrong) {
		const places = findErrorPlaces(this.element);
		const controls = [...wrong.keys()].filter((name) => places.has(name));
		let first;
		for (const [name, place] of places) {
			const control = setFieldError(place, wrong.get(name) ?? "");
			if (wrong.has(name)) first ??= control;
		}
		first?.focus();
		if (first) announce(this.panel, this.text("form.errors", { count: controls.length }));
		return [...wrong].filter(([name]) => !places.has(name)).map(([, text]) => text);
	}

	request(method, rest, body, fail) {
		if (body) for (const place of findErrorPlaces(this.element).values()) setFieldError(place, "");
		return super.request(method, rest, body, fail);
	}

	/** Returns false after an error at one of the form's fields. */
	async #rotate(form) {
		const { fields, wrong } = readRotation(this.locale, form);
		if (wrong.size) return void this.#showErrors(wrong), false;
		await this.#requestSecret("POST", fields);
		return !form.querySelector("[aria-invalid]");
	}

	async #requestSecret(method, body) {
		const response = await this.request(method, "/secret", body);
		if (!response) return;
		const { secret, previous_valid_until: until } = response;
		this.#showSecret(until ? this.text("rotate.until", { time: this.locale.exactTime(until) }) : "", secret);
	}

	#showSecret(text, secret) {
		const shown = [h("code", secret), createCopyButton(this.locale, this.text("secret"), secret)];
		this.showMessage(`${text} ${this.text("secret.shown")}`.trim(), ...shown);
	}

	async #delete() {
		if ((await this.request("DELETE")) === undefined) return;
		this.#saved = true;
		this.close();
	}
}
