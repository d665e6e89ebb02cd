/** The list of webhooks. */

import { MANAGE } from "./api.js";
import { formatCounts } from "./chart.js";
import { createButton, fill, h } from "./elements.js";
import { createNotice } from "./notices.js";
import { PagedList } from "./paged-list.js";
import { describeResult } from "./result.js";
import { createDisabledRemark, WebhookDialog } from "./webhook-dialog.js";

const createWebhookFacts = (locale, { webhook_id: id, url, event_types: types }) =>
	[id, url, types.join(" ") || locale.text("webhook.allTypes")].map((text) => h("bdi.id", text));

/** The API leaves it out for tokens that may not read executions. */
function createActivity(locale, { last_execution: last, last_24_hours: counts }) {
	if (!counts) return [];
	if (!last) return h("p.activity", locale.text("webhook.noExecutions"));
	const { succeeded, failed, skipped } = counts;
	const all = [formatCounts(locale, counts), skipped && locale.text("counts.skipped", { skipped })].filter(Boolean);
	const counted = succeeded + failed + skipped ? all.join(", ") : locale.text("counts.none");
	const result = h("span", { class: !last.success && "failing" }, describeResult(locale, last));
	return h("p.activity",
		h("span", locale.parts("webhook.last", { time: locale.createTime(last.executed_at), result })),
		h("span", { class: failed > 0 && "failing" }, locale.text("webhook.lastDay", { counted })),
	);
}

export class WebhookList extends PagedList {
	name = "webhooks";
	scope = "webhooks:read";
	dialog = new WebhookDialog(this.locale, this.api, (id) => this.start(id));

	#edited;
	#isStarted = false;
	#seen = true;
	#head = h("div.head");
	#list = h("ul");

	constructor(locale, api, openHistory) {
		super(locale, api, openHistory);
		this.build(this.#head, this.#list, this.dialog.element);
	}

	/** Shows the webhooks, and loads only what is not loaded, unless it is to refresh. */
	update(refreshes) {
		if (this.#isStarted && !refreshes) return this.resume();
		this.start();
	}

	reset() {
		this.#isStarted = false;
	}

	start(edited) {
		this.#isStarted = true;
		this.#edited = edited;
		const add = () => createButton(this.text("webhook.add"), this.dialog.openNew, "primary");
		fill(this.#head,
			h("h2.webhook", this.text("webhooks")),
			createButton(this.text("refresh"), () => this.start()),
			this.api.allows(MANAGE) ? add() : [],
		);
		if (edited) this.#head.lastElementChild.focus();
		this.load();
	}

	load() {
		fill(this.#list);
		return super.load();
	}

	/** Includes webhooks that are not registered, unless the deployment does not count executions. */
	async loadOlder(signal) {
		const query = { ...(this.#seen && { seen: "true" }), ...(this.cursor && { cursor: this.cursor }) };
		try {
			return await this.api.request("GET", `/webhooks?${new URLSearchParams(query)}`, signal);
		} catch (error) {
			if (error.status !== 404 || !this.#seen) throw error;
			this.#seen = false;
			return this.loadOlder(signal);
		}
	}

	show({ webhooks, next_cursor: cursor }) {
		this.cursor = cursor;
		this.offerMore(cursor);
		this.#list.append(...webhooks.map((webhook) => this.#createRow(webhook)));
		const { length } = this.#list.children;
		const createEmptyNotice = () => createNotice([this.text("webhooks.empty.title"), this.text("webhooks.empty.text")]);
		this.showState(length ? [] : createEmptyNotice());
		this.announceCount(length);
	}

	#createRow(webhook) {
		const { webhook_id: id, registered = true, enabled } = webhook;
		const name = webhook.name || id;
		const edit = createButton(this.text("edit"), () => this.dialog.open(id), null, {
			"aria-label": this.text("edit.name", { name }),
		});
		if (id === this.#edited) queueMicrotask(() => edit.focus());
		const state = this.text(`webhook.${!registered ? "unregistered" : enabled ? "enabled" : "disabled"}`);
		const createFacts = () => [createWebhookFacts(this.locale, webhook), createDisabledRemark(this.locale, webhook)];
		return h("li",
			h("div", h("bdi.name", name), registered ? createFacts() : [], createActivity(this.locale, webhook)),
			h(`span.badge.${enabled ? "success" : "unreached"}`, state),
			registered && this.api.allows(MANAGE) ? edit : [],
			createButton(this.text("webhook.open"), () => this.open(id), null, {
				"aria-label": this.text("webhook.open.name", { name }),
			}),
		);
	}
}
