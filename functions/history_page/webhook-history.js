/**
 * The web component <webhook-history api webhook token lang>.
 *
 * Text from receivers, producers and links is never HTML.
 */

import { readAddress, readFragment, writeAddress } from "./address.js";
import { Api, MANAGE } from "./api.js";
import { createButton, createRadioGroup, fill, h, reveal } from "./elements.js";
import { ExecutionList } from "./execution-list.js";
import { EMPTY_FILTER } from "./filter.js";
import { loadLocale } from "./locale.js";
import { createNotice } from "./notices.js";
import { haveSameAccess, isUnexpired, storeToken, takeToken } from "./token.js";

const TIMES_UPDATE_MS = 15_000;

/** A length that only the component sets: see its stylesheet. */
try {
	CSS.registerProperty({ name: "--hooklog-unit", syntax: "<length>", inherits: true, initialValue: "16px" });
} catch {
	// another version of this script has registered it, or the browser can't: sizes then follow each rule's font
}

class WebhookHistory extends HTMLElement {
	static observedAttributes = ["api", "webhook", "token", "lang"];

	#api = new Api();
	#locale;
	#list;
	#dialog;
	#webhooks;
	#views;
	#question = h("div", { role: "alert", hidden: true });
	#parts = h("div");
	#texts = {};
	#building;
	#showsWebhooks = false;
	#clocks;

	constructor() {
		super();
		// the front end may have set it before the component was defined
		this.#api.renewToken = this.renewToken;
		this.#texts = this.texts;
		delete this.renewToken;
		delete this.texts;
		const href = new URL("webhook-history.css", import.meta.url);
		const show = () => (whole.hidden = false);
		const whole = h("div.history", { hidden: true, tabindex: "-1", submit: (event) => event.preventDefault() },
			this.#question, this.#parts,
		);
		this.attachShadow({ mode: "open" }).append(h("link", { rel: "stylesheet", href, load: show, error: show }), whole);
	}

	get renewToken() {
		return this.#api.renewToken;
	}

	set renewToken(renew) {
		this.#api.renewToken = renew;
		if (this.#list && !this.#api.token) this.#start();
	}

	get texts() {
		return this.#texts;
	}

	/** Replaces texts, key by key: see texts.js. */
	set texts(texts) {
		this.#texts = texts;
		if (this.#clocks) this.#build();
	}

	connectedCallback() {
		addEventListener("hashchange", this.#addressChanged);
		const tick = () => [this.#list, this.#webhooks].forEach((list) => list?.tick());
		this.#clocks = [setInterval(tick, TIMES_UPDATE_MS), setInterval(() => this.#dialog?.tick(), 1000)];
		this.#build();
	}

	disconnectedCallback() {
		removeEventListener("hashchange", this.#addressChanged);
		this.#clocks.forEach(clearInterval);
		this.#clocks = this.#building = null;
		this.#stop();
	}

	attributeChangedCallback(name, before, after) {
		if (!this.#clocks || before === after) return;
		if (name === "lang") return this.#build();
		if (!this.#list) return;
		if (name !== "token" || !before || !after) return this.#start();
		this.#api.token = after;
		this.#api.renewed();
		(this.#showsWebhooks ? this.#webhooks : this.#list)?.tryAgain?.();
	}

	#addressChanged = () => {
		if (this.#list && readFragment().has("token")) this.#start();
	};

	/** Creates everything that shows text. */
	async #build() {
		const building = (this.#building = {});
		const language = this.closest("[lang]")?.getAttribute("lang") || "en";
		const locale = await loadLocale(language, this.#texts);
		if (this.#building !== building) return;
		this.#stop();
		this.#locale = locale;
		this.#list = new ExecutionList(this.#locale, this.#api, (id) => this.#openExecution(id));
		this.#webhooks = this.#dialog = null;
		const [label, history, webhooks] = ["label", "history", "webhooks"].map((part) =>
			this.#locale.text(`views.${part}`),
		);
		this.#views = h("form.views", { change: () => this.#chooseView(this.#views.elements.view.value) },
			createRadioGroup(label, "view", "", ["", history], ["webhooks", webhooks]),
		);
		fill(this.#parts, this.#views, this.#list.element);
		this.#start();
	}

	#stop() {
		for (const part of [this.#list, this.#dialog, this.#webhooks, this.#webhooks?.dialog]) part?.stop();
		for (const dialog of [this.#dialog, this.#webhooks?.dialog]) if (dialog) dialog.element.open = false;
	}

	#start() {
		const api = this.#api;
		this.#question.hidden = true;
		api.token = this.getAttribute("token") || (api.renewToken ? api.token : this.#findToken());
		const { webhook, execution } = readAddress();
		api.webhook = this.getAttribute("webhook") || webhook;
		api.base = new URL(this.getAttribute("api") ?? ".", document.baseURI).href.replace(/\/$/, "");
		api.renewed = () => this.#offerViews() !== this.#showsWebhooks && this.#show();
		this.#show(readAddress().edit);
		if (this.#question.hidden && !this.#showsWebhooks && execution && api.isReady) this.#openExecution(execution);
	}

	async #openExecution(id) {
		if (!this.#dialog) {
			const { ExecutionDialog } = await import("./execution-dialog.js");
			this.#dialog ??= new ExecutionDialog(this.#locale, this.#api, () => this.#list.refresh());
			this.#parts.append(this.#dialog.element);
		}
		this.#dialog.open(id);
	}

	async #showWebhooks(edited) {
		if (!this.#webhooks) {
			const { WebhookList } = await import("./webhook-list.js");
			this.#webhooks ??= new WebhookList(this.#locale, this.#api, (id) => this.#openHistory(id));
			this.#parts.append(this.#webhooks.element);
		}
		if (!this.#showsWebhooks) return;
		this.#webhooks.element.hidden = false;
		this.#webhooks.start();
		if (edited && this.#question.hidden && this.#api.allows(MANAGE)) this.#webhooks.dialog.open(edited);
	}

	/** Asks before a link's token replaces a valid one with different access. */
	#findToken() {
		const [given, mine] = [takeToken(), storeToken()];
		const other = given && mine && isUnexpired(mine) && !haveSameAccess(given, mine);
		if (other) this.#askWhichToken(given);
		return other ? mine : storeToken(given);
	}

	#askWhichToken(token) {
		const choose = (chosen) => () => {
			storeToken(chosen);
			this.#start();
			this.#question.parentElement.focus();
		};
		const [title, text, keep, change] = ["question.title", "question.text", "keep", "switch"].map((key) =>
			this.#locale.text(`token.${key}`),
		);
		reveal(this.#question, createNotice([title, text],
			createButton(keep, choose(), "primary"),
			createButton(change, choose(token)),
		));
	}

	#offerViews() {
		this.#views.hidden = !["webhooks:read", MANAGE].some((scope) => this.#api.allows(scope));
		return !this.#views.hidden && readAddress().view === "webhooks";
	}

	#show(edited) {
		const webhooks = (this.#showsWebhooks = this.#offerViews());
		this.#views.elements.view[webhooks ? 1 : 0].checked = true;
		const other = webhooks ? this.#list : this.#webhooks;
		other?.stop();
		if (other) other.element.hidden = true;
		if (webhooks) return this.#showWebhooks(edited);
		this.#list.element.hidden = false;
		this.#list.start();
	}

	#chooseView(view) {
		writeAddress({ view });
		this.#show();
	}

	#openHistory(id) {
		writeAddress({ ...EMPTY_FILTER, view: "", webhook: id });
		if (this.hasAttribute("webhook")) this.setAttribute("webhook", id);
		this.#start();
		this.#views.querySelector(":checked").focus();
	}
}

if (!customElements.get("webhook-history")) customElements.define("webhook-history", WebhookHistory);
