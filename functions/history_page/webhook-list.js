/** The list of webhooks. */

import { MANAGE } from "./api.js";
import { formatCounts } from "./chart.js";
import { announce, createButton, createRemark, fill, h, NO_AUTOCOMPLETE } from "./elements.js";
import { createNotice } from "./notices.js";
import { PagedList } from "./paged-list.js";
import { describeResult } from "./result.js";
import { createDisabledRemark, WebhookDialog } from "./webhook-dialog.js";

/** Of a search: the pages it reads until the viewer continues it, their size, and how many matches are enough. */
const [MAX_SEARCHED_PAGES, SEARCHED_PAGE_SIZE, ENOUGH_MATCHES] = [5, 100, 25];
const SEARCH_DELAY_MS = 300;

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
	/** In lower case. */
	#searched = "";
	/** How far a search has come. */
	#progress = { searched: 0, last: "" };
	#soon;
	#head = h("div.head");
	#hint = createRemark(this.text("webhooks.choose"));
	#search = h("input", {
		type: "search", name: "search", placeholder: this.text("webhooks.search.hint"), ...NO_AUTOCOMPLETE,
	});
	#form = h("form.filter", { role: "search", input: () => this.#searchSoon(), submit: () => this.#searchNow() },
		h("label.field", this.text("webhooks.search"), this.#search),
	);
	#list = h("ul");

	constructor(locale, api, openHistory) {
		super(locale, api, openHistory);
		this.build(h("div", this.#head, this.alert), this.#hint, this.#form, this.#list, this.dialog.element);
	}

	/** Shows the webhooks, and loads only what is not loaded, unless it is to refresh. */
	update(refreshes) {
		this.#hint.hidden = Boolean(this.api.webhook);
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
			createButton(this.text("refresh"), () => this.#refresh()),
			this.api.allows(MANAGE) ? add() : [],
		);
		if (edited) this.#head.lastElementChild.focus();
		this.load();
	}

	stop() {
		super.stop();
		clearTimeout(this.#soon);
	}

	/** Keeps what is loaded until the first page has come. */
	async #refresh() {
		if (!this.#list.firstChild || !this.state.hidden) return this.load();
		this.loading.abort();
		const { signal } = (this.loading = new AbortController());
		const before = [this.cursor, this.#progress];
		[this.cursor, this.#progress] = [null, { searched: 0, last: "" }];
		this.busy = false;
		announce(this.said, this.text("webhooks.loading"));
		try {
			const found = await this.loadOlder(signal);
			if (signal.aborted) return;
			this.hideAlert();
			this.#showRows(found.webhooks, 0);
			this.#showEnd(found.next_cursor);
		} catch (error) {
			if (this.loading.signal === signal) [this.cursor, this.#progress] = before;
			if (signal.aborted) return;
			this.offerMore(this.cursor);
			this.showAlert(error, () => this.#refresh());
		}
	}

	load() {
		fill(this.#list);
		this.#progress = { searched: 0, last: "" };
		return super.load();
	}

	#searchSoon() {
		clearTimeout(this.#soon);
		this.#soon = setTimeout(() => this.#searchNow(), SEARCH_DELAY_MS);
	}

	#searchNow() {
		clearTimeout(this.#soon);
		const searched = this.#search.value.trim().toLowerCase();
		if (searched === this.#searched) return;
		this.#searched = searched;
		this.load();
	}

	#matches = ({ webhook_id: id, name, url }) =>
		[id, name, url].some((text) => text?.toLowerCase().includes(this.#searched));

	/** A search continues over pages without matches. */
	async loadOlder(signal) {
		if (!this.#searched) return this.#loadPage(this.cursor, signal);
		const found = [];
		let [cursor, { searched, last }] = [this.cursor, this.#progress];
		for (let pages = 1; ; pages++) {
			const page = await this.#loadPage(cursor, signal, { limit: String(SEARCHED_PAGE_SIZE) });
			cursor = page.next_cursor;
			found.push(...page.webhooks.filter(this.#matches));
			searched += page.webhooks.length;
			last = page.webhooks.at(-1)?.webhook_id ?? last;
			if (!cursor || found.length >= ENOUGH_MATCHES || pages === MAX_SEARCHED_PAGES) break;
			announce(this.said, this.text("webhooks.searching", { searched, last }));
		}
		if (!signal.aborted) this.#progress = { searched, last };
		return { webhooks: found, next_cursor: cursor };
	}

	/** Includes webhooks that are not registered, unless the deployment does not count executions. */
	async #loadPage(cursor, signal, more = {}) {
		const query = { ...(this.#seen && { seen: "true" }), masked: "true", ...more, ...(cursor && { cursor }) };
		try {
			return await this.api.request("GET", `/webhooks?${new URLSearchParams(query)}`, signal);
		} catch (error) {
			if (error.status !== 404 || !this.#seen) throw error;
			this.#seen = false;
			return this.#loadPage(cursor, signal, more);
		}
	}

	show({ webhooks, next_cursor: cursor }) {
		this.#showRows(webhooks, this.#list.children.length);
		this.#showEnd(cursor);
	}

	/** Shows all rows from an index on; keeps equal ones. */
	#showRows(webhooks, from) {
		const before = [...this.#list.children].slice(from);
		for (const [at, webhook] of webhooks.entries()) {
			const row = this.#createRow(webhook);
			if (!before[at]) this.#list.append(row);
			else if (!before[at].isEqualNode(row)) before[at].replaceWith(row);
		}
		for (const row of before.slice(webhooks.length)) row.remove();
		// later pages and searches do not take the focus
		this.#edited = undefined;
	}

	/** Offers what follows the rows. */
	#showEnd(cursor) {
		this.cursor = cursor;
		this.offerMore(cursor, this.#searched ? this.text("webhooks.continue") : undefined);
		const { length } = this.#list.children;
		this.showState(length ? [] : this.#createEmptyNotice());
		this.announceCount(length);
	}

	announceCount(count) {
		if (!this.#searched) return super.announceCount(count);
		const key = this.cursor ? "webhooks.found.more" : "webhooks.found";
		announce(this.said, this.text(key, { count, ...this.#progress }));
	}

	#createEmptyNotice() {
		const describe = (key, values) => [this.text(`${key}.title`, values), this.text(`${key}.text`, values)];
		if (this.#searched)
			return createNotice(describe(this.cursor ? "webhooks.noMatchYet" : "webhooks.noMatch", this.#progress));
		const text = this.api.allows(MANAGE) ? "webhooks.empty.text" : "webhooks.empty.reader";
		return createNotice([this.text("webhooks.empty.title"), this.text(text)]);
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
