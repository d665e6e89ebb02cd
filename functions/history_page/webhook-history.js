/**
 * The web component <webhook-history api webhook token lang routing>.
 *
 * Text from receivers, producers and links is never HTML.
 */

import { Address, getFilter, hasToken, takeFragment } from "./address.js";
import { Api } from "./api.js";
import { fill, h } from "./elements.js";
import { EMPTY_FILTER, parseFilter } from "./filter.js";
import { FocusHistory } from "./focus-history.js";
import { HostEvents } from "./host-events.js";
import { findLanguage, loadLocale } from "./locale.js";
import { adoptProperties, BaseElement, define } from "./properties.js";
import { haveSameAccess, isUnexpired, storeToken, trimToken } from "./token.js";
import { askWhichToken } from "./token-question.js";
import { Views } from "./views.js";

const TIMES_UPDATE_MS = 15_000;
/** How long the page waits for its stylesheet. */
const MAX_STYLE_MS = 3_000;
const REFLECTED = ["api", "webhook", "token", "routing"];
const PROPERTIES = [...REFLECTED, "renewToken", "texts", "filter", "execution", "view"];

class WebhookHistory extends BaseElement {
	static observedAttributes = [...REFLECTED, "lang"];

	#api = new Api();
	#address = new Address();
	#events = new HostEvents(this);
	#focus;
	#locale;
	/** @type {Views | undefined} */
	#views;
	#question = h("div", { role: "alert", hidden: true });
	#parts = h("div");
	#style = h("link", { rel: "stylesheet", href: new URL("webhook-history.css", import.meta.url) });
	#whole = h("div.history", { hidden: true, tabindex: "-1", submit: (event) => event.preventDefault() },
		this.#question, this.#parts,
	);
	#texts = {};
	#building;
	#restarting = false;
	#clocks;

	constructor() {
		super();
		const reveal = () => this.#reveal();
		this.#style.addEventListener("load", reveal);
		this.#style.addEventListener("error", reveal);
		const root = this.attachShadow({ mode: "open" });
		root.append(this.#style, this.#whole);
		this.#focus = new FocusHistory(root);
		this.#api.askHost = (reason) => this.#events.askForToken(reason);
		adoptProperties(this, PROPERTIES);
	}

	get renewToken() {
		return this.#api.renewToken;
	}

	set renewToken(renew) {
		this.#api.renewToken = renew;
		if (!this.#api.token) this.#restart();
	}

	get texts() {
		return this.#texts;
	}

	/** Replaces texts, key by key: see texts.js. */
	set texts(texts) {
		const isSame = JSON.stringify(texts) === JSON.stringify(this.#texts);
		this.#texts = texts;
		if (this.#clocks && !isSame) this.#whenSaved(() => this.#build());
	}

	get filter() {
		return getFilter(this.#address.state);
	}

	/** Sets the whole filter: what is left out is not filtered by. */
	set filter(filter) {
		this.#set({ ...EMPTY_FILTER, ...parseFilter(filter ?? {}) });
	}

	/** The ID of the execution whose details are open, or null. */
	get execution() {
		return this.#address.state.execution || null;
	}

	set execution(id) {
		this.#set({ execution: id ?? "" });
	}

	/** "history" or "webhooks". */
	get view() {
		return this.#address.state.view || "history";
	}

	set view(view) {
		if ((view || "history") !== this.view) this.#set({ view: view ?? "", edit: "" });
	}

	/** Changes the state for the host, which gets no event for what it has set. */
	#set(changes) {
		if (!this.#address.wouldChange(changes)) return;
		const set = () => {
			this.#address.push(changes);
			this.#events.skip(this.#getState());
			queueMicrotask(() => this.#views && this.#apply());
		};
		if ("view" in changes) this.#whenSaved(set, () => this.#events.refuse(changes, this.#getState()));
		else set();
	}

	/** Does something that may close a dialog; asks first if something in it is not saved. */
	#whenSaved(act, keep) {
		const edited = this.#views?.editedDialog;
		if (edited) edited.leave(act, keep);
		else act();
	}

	connectedCallback() {
		if (this.#clocks) return;
		addEventListener("hashchange", this.#hashChanged);
		addEventListener("popstate", this.#entryChanged);
		this.#clocks = [
			setInterval(() => this.#views?.updateTimes(), TIMES_UPDATE_MS),
			setInterval(() => this.#views?.tick(), 1000),
			setTimeout(() => this.#reveal(), MAX_STYLE_MS),
		];
		this.#events.start(this.getAttribute("webhook") ?? "");
		this.#address.connect(this, this.#isRouted);
		this.#build();
	}

	/** Keeps everything if the host only moves the component. */
	disconnectedCallback() {
		this.#whole.hidden = true;
		queueMicrotask(() => {
			if (!this.#clocks) return;
			if (this.isConnected) return setTimeout(() => this.#reveal(), MAX_STYLE_MS);
			removeEventListener("hashchange", this.#hashChanged);
			removeEventListener("popstate", this.#entryChanged);
			this.#clocks.forEach(clearInterval);
			this.#clocks = this.#building = null;
			this.#address.disconnect(this);
			this.#views?.stop();
		});
	}

	/** moveBefore() reloads nothing. */
	connectedMoveCallback() {}

	#reveal() {
		if (!this.#whole.hidden) return;
		this.#whole.hidden = false;
		this.#views?.showAgain();
	}

	get #isRouted() {
		return this.getAttribute("routing") !== "off";
	}

	attributeChangedCallback(name, before, after) {
		if (!this.#clocks || before === after) return;
		if (name === "lang") return this.#whenSaved(() => this.#build());
		if (name === "routing") this.#address.connect(this, this.#isRouted);
		if (!this.#views) return;
		if (name === "webhook") return this.#webhookChanged();
		if (name !== "token" || !trimToken(before) || !trimToken(after)) return this.#restart();
		this.#api.token = after;
		this.#api.renewed();
		this.#views.tryAgain();
	}

	/** The host's choice replaces the viewer's; details that are open belong to the webhook before. */
	#webhookChanged() {
		const { execution } = this.#address.state;
		this.#address.replace({ webhook: "", execution: this.#views.shownExecution === execution ? "" : execution });
		this.#events.skip(this.#getState());
		this.#restart();
	}

	#hashChanged = () => {
		if (this.#views && this.#takesToken && hasToken()) this.#start();
	};

	/** Back or Forward. */
	#entryChanged = () => {
		if (!this.#views || !this.#address.isOutdated()) return;
		if (this.#views.editedDialog && this.#address.isOutdated(["view", "edit"])) {
			// puts the entry of what is edited after the one to go to, until the viewer has answered
			this.#address.keep();
			return this.#whenSaved(() => history.back());
		}
		this.#address.read();
		this.#apply();
		this.#events.tell(this.#getState());
		this.#focus.restore(this.#address.state);
	};

	/** Creates everything that shows text. */
	async #build() {
		const building = (this.#building = {});
		const locale = await loadLocale(findLanguage(this), this.#texts);
		if (this.#building !== building) return;
		this.#views?.stop();
		this.#locale = locale;
		this.#views = new Views(locale, this.#api, {
			navigate: (changes, how) => this.#navigate(changes, how),
			openHistory: (id) => this.#openHistory(id),
			resent: (resent) => this.#events.tellResent(resent),
		});
		fill(this.#parts, this.#views.element);
		this.#start();
	}

	/** Loads everything, once for all that the host changes at a time. */
	#restart() {
		if (this.#restarting || !this.#views) return;
		this.#restarting = true;
		queueMicrotask(() => {
			this.#restarting = false;
			if (this.#clocks) this.#start();
		});
	}

	/** Loads everything with the present attributes. */
	#start() {
		const api = this.#api;
		this.#question.hidden = true;
		api.token = trimToken(this.getAttribute("token")) ?? (api.renewToken ? api.token : this.#findToken());
		api.isPromised = !api.token && !api.renewToken && this.#events.askForToken("missing");
		api.base = new URL(this.getAttribute("api") ?? ".", document.baseURI).href.replace(/\/$/, "");
		api.renewed = () => this.#apply();
		this.#views.reset();
		this.#apply();
		this.#events.tell(this.#getState());
	}

	/** The state with the webhook that is shown. */
	#getState() {
		const { state } = this.#address;
		return { ...state, webhook: state.webhook || this.getAttribute("webhook") || "" };
	}

	/** What the viewer does: a history entry, and an event for the host. */
	#navigate(changes, { refreshes = false, replaces = false } = {}) {
		this.#focus.remember(this.#address.state);
		if (replaces) this.#address.replace(changes);
		else this.#address.push(changes);
		this.#apply(refreshes);
		this.#events.tell(this.#getState());
	}

	#openHistory(id) {
		const webhook = id === this.getAttribute("webhook") ? "" : id;
		this.#navigate({ ...EMPTY_FILTER, view: "", webhook, execution: "" }, { refreshes: true });
		this.#views.focus();
	}

	/** Shows the state, and loads only what is not loaded. */
	#apply(refreshes = false) {
		const state = this.#getState();
		this.#api.webhook = state.webhook;
		const isAsking = !this.#question.hidden;
		this.#views.show(isAsking ? { ...state, execution: "", edit: "" } : state, refreshes);
	}

	/** Whether tokens come from the fragment and from what is stored. */
	get #takesToken() {
		return this.#isRouted && !trimToken(this.getAttribute("token")) && !this.#api.renewToken;
	}

	/** Asks before a link's token replaces a valid one with different access. */
	#findToken() {
		if (!this.#takesToken) return null;
		const { token, webhook } = this.#address.isMain ? takeFragment() : { token: null, webhook: null };
		if (token && webhook) this.#address.replace({ webhook });
		const mine = storeToken();
		const isOther = token && mine && isUnexpired(mine) && !haveSameAccess(token, mine);
		if (!isOther) return storeToken(token);
		const choose = (chosen) => {
			storeToken(chosen);
			this.#start();
			this.#whole.focus();
		};
		askWhichToken(this.#question, this.#locale, () => choose(), () => choose(token));
		return mine;
	}
}

define("webhook-history", WebhookHistory, REFLECTED);
