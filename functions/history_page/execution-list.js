/** The list of a webhook's executions. */

import { escapePath, MANAGE } from "./api.js";
import { Chart } from "./chart.js";
import { parseTime } from "./clock.js";
import { announce, createButton, createSkeleton, createSwitch, fill, h, isolate } from "./elements.js";
import { createRow, createTable } from "./execution-row.js";
import { areEqual, buildQuery, EMPTY_FILTER, isEmpty, isSearch, matchesFilter } from "./filter.js";
import { FilterForm } from "./filter-form.js";
import { createNotice } from "./notices.js";
import { PagedList } from "./paged-list.js";
import { VirtualRows } from "./virtual-rows.js";

const [FIRST_PAGE_SIZE, LATER_PAGE_SIZE, MAX_NEW_PAGES, MAX_EMPTY_PAGES] = [50, 200, 5, 5];
// an execution is logged when it ends, at most this long after its start
const LATEST_LOG_MS = 35_000;
const LIVE_UPDATE_MS = 3_000;

export class ExecutionList extends PagedList {
	name = "executions";

	#webhook;
	#filter = EMPTY_FILTER;
	/** @type {FilterForm | null} */
	#form = null;
	/** The parameters of the API while the list grows: a cursor belongs to its query. */
	#query = {};
	/** How far the API has searched for matches. */
	#searchedTo;
	#listed = [];
	#timer;
	#title = h("h2.webhook");
	#live = createSwitch({ change: () => this.#addNew().then(this.#scheduleLive) });
	#tools = h("div");
	/** Drawn together with the first rows, so that it does not move them when its counts arrive. */
	#chart = new Chart(this.locale, this.api, (bar) => this.#change({ ...this.#filter, bar }));
	/** The IDs of executions that arrived last. */
	#fresh = new Set();
	#rows = new VirtualRows(h("tbody", { role: "rowgroup" }), (it) => this.#createRow(it), (it) => it.execution_id);
	#table = createTable(this.locale, this.#rows.body);

	/** @param {(filter: Record<string, string>) => void} filterChanged by the viewer */
	constructor(locale, api, view, filterChanged) {
		super(locale, api, view);
		this.changed = filterChanged;
		this.build(this.#tools, this.#chart.element, this.#table);
	}

	/** Loads the executions of the API's webhook that match a filter. */
	start(filter) {
		this.#webhook = this.api.webhook;
		this.#filter = filter;
		fill(this.#title, isolate(this.api.webhook));
		const live = h("label.live", this.#live, this.text("live"));
		const head = h("div.head", this.#title, live, createButton(this.text("refresh"), () => this.refresh()));
		this.#form = new FilterForm(this.locale, this.#filter, this.#change);
		fill(this.#tools, head, this.alert, this.#form.element);
		this.load();
		this.#scheduleLive();
	}

	/** Shows the executions of the API's webhook that match a filter, and loads only what is not loaded. */
	update(filter, refreshes = false) {
		if (this.#webhook !== this.api.webhook || !this.#form) return this.start(filter);
		if (areEqual(this.#filter, filter)) {
			this.resume();
			return refreshes ? this.refresh() : undefined;
		}
		this.#filter = filter;
		this.#form.show(filter);
		this.load();
		this.#scheduleLive();
	}

	/** Forgets what is loaded. */
	reset() {
		this.#form = null;
	}

	resume() {
		super.resume();
		this.#rows.update(this.#listed);
		this.#scheduleLive();
	}

	stop() {
		super.stop();
		this.#rows.stop();
		clearTimeout(this.#timer);
	}

	refresh() {
		this.#chart.expire();
		return this.#listed.length && this.state.hidden ? this.#addNew() : this.load();
	}

	#change = (filter) => {
		if (areEqual(this.#filter, filter)) return;
		this.update(filter);
		this.changed(filter);
	};

	#showAll = () => {
		this.#change(EMPTY_FILTER);
		this.#form?.element.querySelector("input").focus();
	};

	load() {
		this.#listed = [];
		this.#query = buildQuery(this.#filter);
		this.#searchedTo = undefined;
		this.#rows.update([]);
		this.#chart.start(this.#filter);
		this.#table.hidden = true;
		this.#tools.hidden = !this.api.isReady;
		if (this.api.isReady) return super.load();
		this.stop();
		this.offerMore();
		if (this.api.hasToken && !this.api.token) return this.#awaitToken();
		this.showState(this.#createNotice(this.api.hasToken ? "webhook.missing" : "token.missing"));
	}

	/** The host's first token decides whether the webhooks are listed instead. */
	async #awaitToken() {
		this.showState(createSkeleton(6));
		try {
			await this.api.prepare();
			if (!this.api.isReady) this.showState(this.#createNotice("webhook.missing"));
		} catch (error) {
			if (!this.api.isReady) this.showProblem(error, () => this.load());
		}
	}

	/** Skips empty pages: a filtered page may be empty although more follow. The viewer continues a long search. */
	async loadOlder(signal) {
		if (this.#filter.message) return this.#loadAttempts(signal);
		const limit = this.#listed.length ? LATER_PAGE_SIZE : FIRST_PAGE_SIZE;
		for (let pages = 1; ; pages++) {
			const page = await this.#loadExecutions({ limit }, this.cursor, signal);
			[this.cursor, this.#searchedTo] = [page.next_cursor, page.searched_to];
			if (page.executions.length || !this.cursor || pages === MAX_EMPTY_PAGES) return page.executions;
			if (this.#searchedTo) announce(this.said, this.text("executions.searching", this.#describeSearch()));
		}
	}

	#describeSearch = () => ({ time: this.locale.shortTime(Date.parse(this.#searchedTo)) });

	/** Whether the API has not yet searched the whole range. */
	get #isSearching() {
		return Boolean(this.cursor && this.#searchedTo && isSearch(this.#filter));
	}

	async #loadNewer(signal) {
		if (this.#filter.message) return this.#loadAttempts(signal);
		const since = new Date(parseTime(this.#listed[0]) - LATEST_LOG_MS).toISOString();
		const { from = since } = this.#query;
		const found = [];
		let cursor = null;
		for (let pages = 0; pages < MAX_NEW_PAGES; pages++) {
			const query = { from: from > since ? from : since, limit: LATER_PAGE_SIZE };
			const page = await this.#loadExecutions(query, cursor, signal);
			found.push(...page.executions);
			cursor = page.next_cursor;
			if (!cursor) return found;
		}
		return null;
	}

	#loadExecutions(query, cursor, signal) {
		const parameters = new URLSearchParams({ ...this.#query, ...query, ...(cursor && { cursor }) });
		return this.api.request("GET", `${this.api.executions}?${parameters}`, signal);
	}

	async #loadAttempts(signal) {
		const attempts = await this.api.listAttempts(this.#filter.message, signal);
		return attempts.filter((execution) => matchesFilter(execution, this.#filter)).reverse();
	}

	#scheduleLive = () => {
		clearTimeout(this.#timer);
		if (!this.#live.checked || !this.element.isConnected) return;
		const update = () => (document.hidden ? this.#scheduleLive() : this.#addNew().then(this.#scheduleLive));
		this.#timer = setTimeout(update, LIVE_UPDATE_MS);
	};

	async #addNew() {
		const { signal } = this.loading;
		if (this.busy || !this.api.isReady) return;
		try {
			const found = await (this.#listed.length ? this.#loadNewer(signal) : this.loadOlder(signal));
			if (signal.aborted) return;
			this.hideAlert();
			if (found === null) await this.load();
			else if (this.#add(found, true).length || !this.state.hidden) this.#showCount();
			else this.announceCount(this.#listed.length);
			this.#chart.load(signal);
		} catch (error) {
			if (signal.aborted) return;
			const passes = [0, 429].includes(error.status) || error.status >= 500;
			if (passes && this.#live.checked) return announce(this.said, this.text("live.retrying"));
			this.#live.checked = false;
			if (this.#listed.length && this.state.hidden) this.showAlert(error, () => this.#addNew());
			else this.showProblem(error, () => this.#addNew());
		}
	}

	show(found, wasOnMore) {
		const [oldest] = this.#add(found);
		this.#showCount();
		this.#chart.load(this.loading.signal);
		if (wasOnMore && !this.cursor && this.#listed.length) this.#rows.focus(oldest ?? this.#listed.at(-1));
	}

	/** Returns those that were not listed. */
	#add(found, isFresh = false) {
		const added = [];
		let at = 0;
		for (const execution of found) {
			const { execution_id: id } = execution;
			while (this.#listed[at]?.execution_id > id) at++;
			if (this.#listed[at]?.execution_id === id) continue;
			this.#listed.splice(at, 0, execution);
			added.push(execution);
		}
		this.#fresh = new Set(isFresh ? added.map(({ execution_id: id }) => id) : []);
		return added;
	}

	#createRow(execution) {
		const row = createRow(this.locale, execution, this.open);
		row.classList.toggle("fresh", this.#fresh.has(execution.execution_id));
		return row;
	}

	#showCount() {
		this.#showTable();
		this.offerMore(this.cursor, this.#isSearching ? this.text("executions.continue") : undefined);
		if (this.#listed.length) this.showState([]);
		else this.#showNothing();
		this.announceCount(this.#listed.length);
	}

	#showTable() {
		this.#table.hidden = !this.#listed.length;
		this.#table.setAttribute("aria-rowcount", this.cursor ? -1 : this.#listed.length + 1);
		this.#rows.update(this.#listed);
		this.#chart.update(this.#listed);
	}

	/** Keeps an equal notice. */
	#showNothing() {
		const notice = this.#createNothingNotice();
		if (!this.state.firstChild?.isEqualNode(notice)) this.showState(notice);
	}

	#createNothingNotice() {
		if (isEmpty(this.#filter)) return this.#createEmptyNotice();
		if (this.#isSearching) {
			const texts = ["title", "text"].map((part) => this.text(`executions.noMatchYet.${part}`, this.#describeSearch()));
			return createNotice(texts);
		}
		const key = this.#filter.message ? "executions.noMessage" : "executions.noMatch";
		return this.#createNotice(key, createButton(this.text("executions.showAll"), this.#showAll));
	}

	/** Those who manage the webhook may send it a test. */
	#createEmptyNotice() {
		const test = () => createButton(this.text("test.send"), () => this.#sendTest());
		return this.#createNotice("executions.empty", this.api.allows(MANAGE) ? test() : []);
	}

	async #sendTest() {
		const { signal } = this.loading;
		this.showState(createSkeleton(1));
		try {
			await this.api.request("POST", escapePath`/webhooks/${this.api.webhook}/test`, signal, {});
			if (!signal.aborted) await this.load();
		} catch (error) {
			if (!signal.aborted) this.showProblem(error, () => this.load());
		}
	}

	announceCount(count) {
		if (!this.#isSearching) return super.announceCount(count);
		const key = count ? "executions.counted.searched" : "executions.noMatchYet.title";
		announce(this.said, this.text(key, { count, ...this.#describeSearch() }));
	}

	#createNotice(key, ...more) {
		return createNotice([this.text(`${key}.title`), this.text(`${key}.text`)], ...more);
	}
}
