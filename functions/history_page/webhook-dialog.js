/** The dialog of a webhook. */

import { NEW_WEBHOOK } from "./address.js";
import { escapePath, RESEND } from "./api.js";
import { createBodyBlock } from "./body.js";
import { DetailsDialog } from "./dialog.js";
import { announce, createButton, createCopyButton, createRemark, createSwitch, fill, h, isolate } from "./elements.js";
import { createDetails, createFactList } from "./execution-details.js";
import { describeMessage, toSentence } from "./notices.js";
import { describeResult } from "./result.js";
import { createField, FIELDS, ID_ATTRIBUTES, orNull } from "./webhook-form.js";

const DRY_RUN_DELAY_MS = 400;
const RECOVERY_POLL_MS = 1_500;

const setFieldError = (box, text) => fill(box.nextElementSibling, text);
export const createDisabledRemark = (locale, { disabled_reason: reason }) =>
	reason ? h("p.wrong", isolate(locale.text("webhook.disabledReason", { reason }))) : [];

function createDryRunResult(locale, response) {
	if (response.error) return createRemark(toSentence(response.error.message));
	if (response.skipped) return createRemark(locale.text("dryRun.skipped"));
	return createBodyBlock(locale, locale.text("dryRun.payload"), response);
}

export class WebhookDialog extends DetailsDialog {
	name = "webhook";
	scope = "webhooks:read";

	#saved = false;
	#webhook;
	#form;
	#payload;
	#dryRun = h("div.dry-run");
	#soon;

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
		const id = createField(this.locale, "webhook_id", "", { ...ID_ATTRIBUTES, title: this.text("form.idTitle") });
		this.render([this.panel, this.#createForm({}, id)], this.text("webhook.new"));
		this.#form.elements.webhook_id.focus();
		this.shown = NEW_WEBHOOK;
		this.viewed(NEW_WEBHOOK);
	};

	show(webhook) {
		this.#webhook = webhook;
		if (this.shown !== this.id) this.viewed((this.shown = this.id), true);
		const remark = createDisabledRemark(this.locale, webhook);
		const parts = [remark, this.#createForm(webhook), this.#createTestForm()];
		if (this.api.allows(RESEND)) parts.push(this.#createRecoveryForm());
		this.render([this.panel, ...parts], webhook.name || this.id, this.#createActions());
		if (webhook.transformation) this.#requestDryRun();
	}

	onClose() {
		super.onClose();
		clearTimeout(this.#soon);
		if (this.#saved) this.changed(this.id);
		this.#saved = false;
	}

	#createActions() {
		const [rotate, remove] = ["rotate.question", "delete.question"].map((key) => this.text(key));
		return [
			createButton(this.text("secret.show"), () => this.#requestSecret("GET")),
			this.createConfirmedButton("rotate", rotate, () => this.#requestSecret("POST")),
			this.createConfirmedButton("delete", remove, () => this.#delete(), "danger"),
		];
	}

	#createForm(webhook, first = []) {
		const fields = Object.entries(FIELDS).map(([name, [format, , more]]) =>
			createField(this.locale, name, format(webhook[name]), more),
		);
		fill(this.#dryRun);
		const enabled = createSwitch({ name: "enabled", checked: webhook.enabled });
		const listeners = { submit: this.#save, input: this.#scheduleDryRun };
		return (this.#form = h("form.edits", { "aria-label": this.text("webhook"), ...listeners },
			first,
			fields,
			this.#dryRun,
			h("label.live", enabled, this.text("form.enabled")),
			h("button.primary", this.text("form.save")),
		));
	}

	#save = async () => {
		const { elements } = this.#form;
		const fields = { ...this.#webhook, enabled: elements.enabled.checked };
		for (const [name, [, read]] of Object.entries(FIELDS)) {
			fields[name] = read(elements[name].value);
		}
		if (!this.#webhook) this.id = elements.webhook_id.value;
		const response = await this.request("PUT", "", fields);
		if (!response) return;
		const { secret, ...webhook } = response;
		this.#saved = true;
		this.show(webhook);
		if (secret) this.#showSecret(this.text("webhook.added"), secret);
		else this.showMessage(this.text("webhook.saved"));
	};

	showError(error, rest) {
		const { status, message, errors } = error;
		const places = this.#fieldErrors;
		const wrong = errors.map(({ field, message: text }) => [places.find(({ id }) => id === `wrong-${field}`), text]);
		if (status === 409 && rest === "/recover") this.showMessage(toSentence(message));
		else if (status === 409 && this.#webhook) {
			const reload = createButton(this.text("reload"), () => this.open(this.id));
			this.showMessage(this.text("webhook.conflict"), reload);
		} else if (wrong.some(([place]) => place)) {
			const here = wrong.filter(([place]) => place);
			const others = wrong.filter(([place]) => !place);
			for (const [place, text] of here) fill(place, toSentence(text));
			if (others.length) this.showMessage(others.map(([, text]) => toSentence(text)).join(" "));
			here[0][0].previousElementSibling.focus();
		} else super.showError(error);
	}

	get #fieldErrors() {
		return [...this.element.querySelectorAll("p.wrong[id]")];
	}

	request(method, rest, body) {
		if (body) for (const place of this.#fieldErrors) fill(place);
		return super.request(method, rest, body);
	}

	async #requestSecret(method) {
		const response = await this.request(method, "/secret");
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

	#createTestForm() {
		const result = h("div.details");
		const send = async () => {
			const request = this.#readSample();
			const execution = request && (await this.request("POST", "/test", request));
			if (!execution) return;
			this.settle(form);
			fill(result, createFactList(this.locale, execution), ...createDetails(this.locale, execution));
			announce(result, this.text("test.result", { result: describeResult(this.locale, execution) }));
		};
		const sample = createField(this.locale, "payload", '{\n  "order": 1042\n}', { rows: 4 });
		this.#payload = sample.children[1];
		const said = createRemark(this.text("test.text"));
		const parts = [h("h3", this.text("test")), said, sample, h("button", this.text("test.send")), result];
		const form = h("form.edits", { submit: send, input: this.#scheduleDryRun }, parts);
		return form;
	}

	#readSample(more) {
		try {
			setFieldError(this.#payload, "");
			return { payload: JSON.parse(this.#payload.value), ...more };
		} catch {
			setFieldError(this.#payload, this.text("test.notJson"));
		}
	}

	#scheduleDryRun = ({ target }) => {
		if (!this.#webhook || !target.rows) return;
		clearTimeout(this.#soon);
		this.#soon = setTimeout(() => this.#requestDryRun(), DRY_RUN_DELAY_MS);
	};

	async #requestDryRun() {
		const transformation = orNull(this.#form.elements.transformation.value);
		const request = this.#readSample({ dry_run: true, transformation });
		if (!request) return;
		const [soon, { signal }] = [this.#soon, this.viewing];
		const asked = this.api.request("POST", `${this.at(this.id)}/test`, signal, request);
		const shown = await asked.then(
			(response) => createDryRunResult(this.locale, response),
			(error) => createRemark(describeMessage(this.locale, error)),
		);
		if (!signal.aborted && soon === this.#soon) fill(this.#dryRun, shown);
	}

	#createRecoveryForm() {
		const since = createField(this.locale, "since", "", { type: "datetime-local", required: true });
		const start = () => this.#recover(new Date(since.children[1].value));
		const said = createRemark(this.text("recover.text"));
		const [heading, button] = ["h3", "button"].map((kind) => h(kind, this.text("recover")));
		return h("form", { submit: start }, heading, said, since, button);
	}

	async #recover(since) {
		const { signal } = this.viewing;
		const started = await this.request("POST", "/recover", { since });
		while (started && !signal.aborted) {
			const progress = await this.request("GET", escapePath`/recover/${started.recovery_id}`);
			if (!progress) return;
			this.showMessage(this.text(`recover.${progress.status}`, progress));
			if (progress.status !== "running") return;
			await new Promise((wake) => setTimeout(wake, RECOVERY_POLL_MS));
		}
	}
}
