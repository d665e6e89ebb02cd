/** The sample payload of a webhook: a preview of the transformation, a test. */

import { escapePath } from "./api.js";
import { createBodyBlock } from "./body.js";
import { announce, createButton, createRemark, fill, h } from "./elements.js";
import { createDetails, createFactList, listFacts, listIds } from "./execution-details.js";
import { formatJson } from "./json.js";
import { describeError, describeMessage, toSentence } from "./notices.js";
import { findRecentPayload } from "./recent-payload.js";
import { describeResult } from "./result.js";
import { createField, findErrorPlaces, ID_PATTERN, orNull, setFieldError } from "./webhook-fields.js";

const PREVIEW_DELAY_MS = 400;
const FIRST_SAMPLE = '{\n  "order": 1042\n}';

/** Keeps every digit of numbers, in browsers that can. */
function parsePayload(text) {
	const { rawJSON } = /** @type {any} */ (JSON);
	/** @type {(key: string, value: any, context?: {source?: string}) => any} */
	const keep = (_, value, context) => (typeof value === "number" && context?.source ? rawJSON(context.source) : value);
	return JSON.parse(text, rawJSON && keep);
}

function createPreview(locale, response) {
	if (response.error) return createRemark(toSentence(response.error.message));
	if (response.skipped) return createRemark(locale.text("dryRun.skipped"));
	return createBodyBlock(locale, locale.text("dryRun.payload"), response);
}

export class WebhookTest {
	element;
	/** What the transformation makes of the sample. */
	preview = h("div.dry-run");

	#dialog;
	#locale;
	#read;
	#isNew;
	#sample;
	#place;
	#about = h("p.remark", { role: "status" });
	#result = h("div.details");
	#soon;

	/**
	 * @param {any} dialog of the webhook
	 * @param {string} sample what was typed before, or ""
	 * @param {(name: string) => string} read the text of a field of the webhook's form
	 */
	constructor(dialog, isNew, sample, read) {
		this.#dialog = dialog;
		this.#locale = dialog.locale;
		this.#isNew = isNew;
		this.#read = read;
		const field = createField(this.#locale, "payload", sample || FIRST_SAMPLE, { rows: 4 });
		this.#place = findErrorPlaces(field).get("payload");
		this.#sample = field.querySelector("textarea");
		const text = (key) => this.#locale.text(key);
		const recent = !isNew && dialog.api.allows("executions:read");
		const buttons = [
			isNew ? [] : h("button", text("test.send")),
			recent ? createButton(text("sample.recent"), () => this.#useRecent()) : [],
		];
		this.element = h("form.edits", { novalidate: true, submit: () => this.#send(), input: this.schedulePreview },
			h("h3", text(isNew ? "preview" : "test")),
			createRemark(text(isNew ? "preview.text" : "test.text")),
			field,
			h("div.actions", buttons),
			this.#about,
			this.#result,
		);
	}

	get sample() {
		return this.#sample.value;
	}

	stop() {
		clearTimeout(this.#soon);
	}

	#readSample(more) {
		try {
			const payload = parsePayload(this.sample);
			setFieldError(this.#place, "");
			return { payload, ...more };
		} catch {
			setFieldError(this.#place, this.#locale.text("test.notJson"));
		}
	}

	schedulePreview = ({ target }) => {
		if (!target.rows && target.name !== "webhook_id") return;
		this.stop();
		this.#soon = setTimeout(() => this.showPreview(), PREVIEW_DELAY_MS);
	};

	async showPreview() {
		const transformation = orNull(this.#read("transformation"));
		const request = this.#readSample({ dry_run: true, transformation });
		if (!transformation) return fill(this.preview);
		const id = this.#isNew ? this.#read("webhook_id") : this.#dialog.id;
		if (!ID_PATTERN.test(id)) return fill(this.preview, createRemark(this.#locale.text("dryRun.needsId")));
		if (!request) return;
		const [soon, { signal }] = [this.#soon, this.#dialog.viewing];
		const asked = this.#dialog.api.request("POST", escapePath`/webhooks/${id}/test`, signal, request);
		const shown = await asked.then(
			(response) => createPreview(this.#locale, response),
			(error) => createRemark(describeMessage(this.#locale, error)),
		);
		if (!signal.aborted && soon === this.#soon) fill(this.preview, shown);
	}

	async #send() {
		const request = !this.#isNew && this.#readSample();
		const execution = request && (await this.#dialog.request("POST", "/test", request));
		if (!execution) return;
		this.#settle();
		const [facts, ids] = [listFacts(this.#locale, execution), listIds(execution)].map((each) =>
			createFactList(this.#locale, each));
		fill(this.#result, facts, ...createDetails(this.#locale, execution), ids);
		announce(this.#result, this.#locale.text("test.result", { result: describeResult(this.#locale, execution) }));
	}

	/** What is sent or taken from the log is not lost with the dialog. */
	#settle() {
		this.#dialog.settle(this.element);
	}

	async #useRecent() {
		const { signal } = this.#dialog.viewing;
		fill(this.#about, this.#locale.text("sample.searching"));
		try {
			const execution = await findRecentPayload(this.#dialog.api, this.#dialog.id, signal);
			if (!signal.aborted) this.#showRecent(execution);
		} catch (error) {
			if (!signal.aborted) fill(this.#about, describeError(this.#locale, error)[0]);
		}
	}

	#showRecent(execution) {
		if (!execution) return fill(this.#about, this.#locale.text("sample.none"));
		const { request_body: body, executed_at: at, error } = execution;
		this.#sample.value = [...formatJson(body)].map(([part]) => part).join("");
		this.#settle();
		const isTransformed = this.#read("transformation").trim() && error?.type !== "transformation_error";
		fill(this.#about,
			this.#locale.text("sample.shown", { time: this.#locale.exactTime(at) }),
			isTransformed ? ` ${this.#locale.text("sample.transformed")}` : "",
		);
		this.showPreview();
	}
}
