/** The chart above the list of executions: the counts of its range over time. */

import { escapePath } from "./api.js";
import { countBars, planExecutions, planRange, total } from "./counts.js";
import { createButton, createRemark, fill, h, setText } from "./elements.js";
import { EMPTY_FILTER } from "./filter.js";
import { DAY, toInstant } from "./ranges.js";

const MAX_AGE_MS = 300_000;
const KINDS = ["succeeded", "skipped", "failed"];

export const formatCounts = (locale, { succeeded, failed }) => locale.text("counts", { succeeded, failed });

function* listCounts(locale, counts) {
	yield formatCounts(locale, counts);
	const { hard_errors, skipped, p50, p95 } = counts;
	if (hard_errors) yield locale.text("chart.hardErrors", { count: hard_errors });
	if (skipped) yield locale.text("counts.skipped", { skipped });
	const limit = counts.isExact ? "" : "≤ ";
	const [half, most] = [p50, p95].map((ms) => limit + locale.duration(ms));
	if (p95) yield locale.text("chart.durations", { p50: half, p95: most });
}

const describeCounts = (locale, counts) => [...listCounts(locale, counts)].join(", ");

const isPressed = (bar) => bar.ariaPressed === "true";

/** What the filter by status leaves; the API counts by no other. */
const applyStatus = (status) => (bar) =>
	status === "success" ? { ...bar, failed: 0, hard_errors: 0 } : status ? { ...bar, succeeded: 0, skipped: 0 } : bar;

export class Chart {
	element = h("div.chart", { part: "chart", hidden: true });

	#locale;
	#api;
	#choose;
	#webhook;
	#filter = EMPTY_FILTER;
	#executions = [];
	/** The API's counts: none yet, or never if the deployment does not count. */
	#stats = [];
	#loadedAt = -Infinity;
	#problem = "";
	#isLoading = false;
	#all = total([]);
	#bars = h("div.bars", {
		role: "toolbar",
		keydown: (event) => this.#moveFocus(event),
		focusin: ({ target }) => this.#describe(target),
		mouseover: ({ target }) => this.#describe(target),
		focusout: () => this.#describe(),
		mouseleave: () => this.#describe(),
	});
	#start = h("span");
	#described = h("span.described");
	#end = h("span");
	#range = h("span");
	#reset = createButton("", () => this.#choose(""));
	#chosen = h("p.chosen", { hidden: true }, this.#range, this.#reset);
	#remarks = h("div");

	/** @param {(bar: string) => void} choose is given the chosen bar as the filter has it, or "" */
	constructor(locale, api, choose) {
		this.#locale = locale;
		this.#api = api;
		this.#choose = choose;
		this.element.append(this.#bars, h("p.scale", this.#start, this.#described, this.#end), this.#chosen, this.#remarks);
	}

	/** Begins with a filter. `load` is called once its first executions have arrived, which it must not delay. */
	start(filter) {
		const { webhook } = this.#api;
		const isSameRange = webhook === this.#webhook && ["from", "to"].every((name) => this.#filter[name] === filter[name]);
		this.#webhook = webhook;
		this.#filter = filter;
		this.#executions = [];
		if (isSameRange) return;
		this.#stats = [];
		this.#loadedAt = -Infinity;
		this.element.hidden = true;
	}

	/** Shows executions that are loaded, newest first, together with the counts. */
	update(executions) {
		this.#executions = executions;
		this.#draw();
	}

	/** Loads the counts if they are old. */
	async load(signal) {
		const plan = planRange(this.#filter);
		const isOld = performance.now() - this.#loadedAt >= MAX_AGE_MS;
		if (!plan || this.#filter.message || this.#isLoading || !isOld || this.#problem === "notCounted") return;
		this.#isLoading = true;
		try {
			const [from, to] = [plan.start, plan.end].map((ms) => new Date(ms).toISOString());
			const query = new URLSearchParams({ from, to, interval: plan.interval === DAY ? "day" : "hour" });
			const at = `${escapePath`/webhooks/${this.#api.webhook}/stats`}?${query}`;
			this.#stats = (await this.#api.request("GET", at, signal)).intervals;
			this.#problem = "";
			this.#loadedAt = performance.now();
		} catch (error) {
			if (!signal.aborted) this.#problem = error.status === 404 ? "notCounted" : "failed";
		}
		this.#isLoading = false;
		if (!signal.aborted) this.#draw();
	}

	/** Loads the counts again, with the next `load`. */
	expire() {
		this.#loadedAt = -Infinity;
	}

	#draw() {
		const isCounted = !this.#problem;
		const plan = isCounted ? planRange(this.#filter) : this.#executions.length ? planExecutions(this.#executions) : null;
		const bars = plan ? countBars(plan, isCounted ? this.#stats : [], this.#executions) : [];
		const isExact = plan?.count === 1;
		const shown = bars.map(applyStatus(this.#filter.status)).map((bar) => ({ ...bar, isExact }));
		const all = total(shown);
		const isEmpty = this.#filter.bar ? !bars.length : KINDS.every((kind) => !all[kind]);
		this.element.hidden = isEmpty || Boolean(this.#filter.message);
		if (this.element.hidden) return;
		this.#showBars(shown, all);
		const { event, result, error } = this.#filter;
		const remarks = [this.#problem, [event, result, error].some(Boolean) && isCounted && "unfiltered"].filter(Boolean);
		fill(this.#remarks, remarks.map((key) => createRemark(this.#text(`chart.${key}`))));
	}

	#text(key, values) {
		return this.#locale.text(key, values);
	}

	#showBars(bars, all) {
		const focused = this.#bars.querySelector(":focus")?.value;
		const most = Math.max(...bars.map((bar) => KINDS.reduce((sum, kind) => sum + bar[kind], 0)), 1);
		while (this.#bars.children.length > bars.length) this.#bars.lastChild?.remove();
		while (this.#bars.children.length < bars.length) this.#bars.append(this.#createBar());
		const items = [...this.#bars.children];
		bars.forEach((bar, number) => this.#showBar(items[number], bar, most));
		const current = items.find(({ value }) => value === focused) ?? items.find(isPressed) ?? items.at(-1);
		current.tabIndex = 0;
		if (focused) current.focus({ preventScroll: true });
		const failing = bars.filter(({ failed }) => failed).slice(-5);
		const failures = failing
			.map(({ from, failed }) => this.#text("chart.failure", { count: failed, time: this.#locale.shortTime(from) }))
			.join("; ");
		this.#bars.setAttribute("aria-label", this.#text(failures ? "chart.failures" : "chart.noFailures", { failures }));
		fill(this.#start, this.#locale.shortTime(bars[0].from));
		fill(this.#end, this.#locale.shortTime(Math.min(bars.at(-1).to, planRange(this.#filter)?.end ?? Infinity)));
		this.#all = all;
		this.#describe();
		this.#showChosen();
	}

	#createBar() {
		const parts = KINDS.map((kind) => h(`i.${kind}`));
		const bar = h("button.column", { type: "button", click: () => this.#choose(isPressed(bar) ? "" : bar.value) }, parts);
		return bar;
	}

	/** Changes an existing bar. */
	#showBar(item, bar, most) {
		KINDS.forEach((kind, number) => {
			const part = item.children[number];
			part.hidden = bar[kind] === 0;
			part.style.height = `${(100 * bar[kind]) / most}%`;
		});
		const value = [bar.from, bar.to].map(toInstant).join("/");
		const [start, end] = this.#filter.bar.split("/");
		const isChosen = value.startsWith(`${start}/`) || (end !== undefined && value.endsWith(`/${end}`));
		const range = this.#locale.shortRange(bar.from, bar.to);
		const title = this.#text("chart.bar", { range, counts: describeCounts(this.#locale, bar) });
		Object.assign(item, { value, title, tabIndex: -1, ariaLabel: title, ariaPressed: String(isChosen) });
	}

	/** One bar has the tab stop; arrow keys move it, as in any toolbar. */
	#moveFocus(event) {
		const bars = [...this.#bars.children];
		const forward = getComputedStyle(this.#bars).direction === "rtl" ? -1 : 1;
		const at = bars.indexOf(event.target);
		const to = { ArrowRight: at + forward, ArrowLeft: at - forward, Home: 0, End: bars.length - 1 }[event.key];
		if (to === undefined || !bars[to]) return;
		event.preventDefault();
		bars[at].tabIndex = -1;
		bars[to].tabIndex = 0;
		bars[to].focus();
	}

	/** Shows the counts of a bar, or of all. */
	#describe(target = this.#bars.querySelector(":focus")) {
		const bar = target?.closest("button");
		this.#described.classList.toggle("failing", !bar && this.#all.failed > 0);
		setText(this.#described, bar ? bar.title : formatCounts(this.#locale, this.#all));
	}

	#showChosen() {
		this.#chosen.hidden = !this.#filter.bar;
		if (this.#chosen.hidden) return;
		const [from, to] = this.#filter.bar.split("/").map((end) => Date.parse(end));
		const range = this.#locale.shortRange(from, to);
		setText(this.#range, range);
		setText(this.#reset, this.#text("chart.reset"));
		this.#reset.ariaLabel = this.#text("chart.reset.name", { range });
	}
}
