/** A list that loads page by page. */

import { announce, createButton, createLiveRegion, createSkeleton, fill, h, reveal, setText } from "./elements.js";
import { createNotice, describeError } from "./notices.js";

export class PagedList {
	/** The dictionary's prefix of what is listed, and the token's scope for it. */
	name = "";
	/** @type {string | undefined} */
	scope;
	element = h("section");
	loading = new AbortController();
	busy = false;
	tryAgain;
	cursor;

	said = createLiveRegion(this.element, "said");
	state = h("div.state");
	/** What went wrong with a refresh, next to its button: what is loaded stays. */
	alert = h("div.state", { hidden: true });
	#moreButton = createButton("", () => this.#loadMore(), "more");

	constructor(locale, api, open) {
		this.locale = locale;
		this.api = api;
		this.open = open;
	}

	/**
	 * The next page.
	 *
	 * @abstract
	 * @param {AbortSignal} signal
	 * @returns {Promise<any>}
	 */
	async loadOlder(signal) {
		throw new TypeError(String(signal));
	}

	/**
	 * @abstract
	 * @param {any} found a page
	 * @param {boolean} wasOnMore whether "Load more" has the focus
	 */
	show(found, wasOnMore) {
		throw new TypeError(`${found} ${wasOnMore}`);
	}

	/** The component's text of a key. */
	text(key, values) {
		return this.locale.text(key, values);
	}

	build(...parts) {
		this.element.append(...parts, this.state, this.#moreButton, this.said);
	}

	stop() {
		this.loading.abort();
	}

	/** Continues after `stop`, without loading what is loaded. */
	resume() {
		if (!this.loading.signal.aborted) return;
		this.loading = new AbortController();
		if (this.busy || (this.tryAgain && !this.state.hidden)) this.load();
	}

	tick() {
		for (const time of this.element.querySelectorAll("time")) setText(time, this.locale.timeAgo(time.dateTime));
	}

	load() {
		this.loading.abort();
		this.loading = new AbortController();
		this.cursor = null;
		this.hideAlert();
		this.offerMore(false);
		this.showState(createSkeleton(6));
		return this.loadPage();
	}

	#loadMore() {
		if (this.busy) return;
		this.#moreButton.setAttribute("aria-disabled", "true");
		fill(this.#moreButton, this.text("list.loading.more"));
		this.loadPage();
	}

	async loadPage() {
		const { signal } = this.loading;
		this.busy = true;
		announce(this.said, this.text(`${this.name}.loading`));
		try {
			const found = await this.loadOlder(signal);
			if (!signal.aborted) this.show(found, this.#moreButton.matches(":focus"));
		} catch (error) {
			if (!signal.aborted) this.showProblem(error, () => this.loadPage());
		} finally {
			if (!signal.aborted) this.busy = false;
		}
	}

	/** @param {string} [text] of the button, in the place of "Load more" */
	offerMore(more, text = this.text("list.more")) {
		this.#moreButton.hidden = !more;
		this.#moreButton.removeAttribute("aria-disabled");
		fill(this.#moreButton, text);
	}

	showProblem(error, load) {
		this.offerMore(false);
		const shown = describeError(this.locale, error, this.scope);
		const tryAgain = () => {
			this.showState(createSkeleton(3));
			load();
		};
		this.showState(createNotice(shown, createButton(this.text("retry"), tryAgain)), tryAgain);
		announce(this.said, shown[0]);
	}

	showAlert(error, load) {
		const shown = describeError(this.locale, error, this.scope);
		this.tryAgain = load;
		const tryAgain = () => {
			this.alert.parentElement?.querySelector(".head button")?.focus();
			load();
		};
		reveal(this.alert, createNotice(shown, createButton(this.text("retry"), tryAgain)));
		announce(this.said, shown[0]);
	}

	hideAlert() {
		if (this.alert.hidden) return;
		this.alert.hidden = true;
		this.tryAgain = undefined;
	}

	announceCount(count) {
		const key = `${this.name}.${this.cursor ? "counted.more" : "counted"}`;
		announce(this.said, this.text(count ? key : `${key}.none`, { count }));
	}

	showState(shown, tryAgain) {
		this.tryAgain = tryAgain;
		fill(this.state, shown);
		this.state.hidden = !this.state.firstChild;
	}
}
