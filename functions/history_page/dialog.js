/** The dialog of one execution or webhook. */

import { announce, createButton, createLiveRegion, createSkeleton, fill, h, isolate, reveal } from "./elements.js";
import { writeAddress } from "./address.js";
import { createNotice, describeError } from "./notices.js";

export class DetailsDialog {
	/** The dictionary's prefix and the address' parameter of what is shown. */
	name = "";
	parameter = "";
	/** @type {string | undefined} */
	scope;
	viewing = new AbortController();
	panel = h("div.panel", { hidden: true });
	element = h("dialog", {
		"aria-labelledby": "viewed",
		close: () => this.onClose(),
		mousedown: ({ target, offsetX: x }) => target === this.element && (x < 0 || x > target.clientWidth) && target.close(),
	});

	#said = createLiveRegion(this.element, "unseen");

	constructor(locale, api, changed) {
		this.locale = locale;
		this.api = api;
		this.changed = changed;
	}

	/**
	 * The API's path of what has the ID.
	 *
	 * @abstract
	 * @param {string} id
	 * @returns {string}
	 */
	at(id) {
		throw new TypeError(id);
	}

	/**
	 * @abstract
	 * @param {any} found
	 */
	show(found) {
		throw new TypeError(found);
	}

	/** The component's text of a key. */
	text(key, values) {
		return this.locale.text(key, values);
	}

	open = async (id) => {
		const { signal } = this.begin();
		this.id = id;
		writeAddress({ [this.parameter]: id });
		this.render(createSkeleton(5));
		try {
			const found = await this.api.request("GET", this.at(id), signal);
			if (!signal.aborted) this.show(found);
		} catch (error) {
			if (signal.aborted) return;
			const tryAgain = createButton(this.text("retry"), () => this.open(id));
			if (error.status === 404) this.render(createNotice(this.#textsOf(`${this.name}.notFound`)));
			else this.render(createNotice(describeError(this.locale, error, this.scope), tryAgain));
		}
	};

	#textsOf(key) {
		return [this.text(`${key}.title`), this.text(`${key}.text`)];
	}

	stop() {
		this.viewing.abort();
		this.panel.hidden = true;
	}

	begin() {
		this.stop();
		return (this.viewing = new AbortController());
	}

	onClose() {
		this.stop();
		fill(this.element);
		writeAddress({ [this.parameter]: "" });
	}

	render(children, title = this.text(this.name), actions = []) {
		const close = createButton(this.text("close"), () => this.element.close(), "close");
		const head = h("header", h("h2", { id: "viewed" }, isolate(title)), close);
		fill(this.element, head, h("div.details", h("div.actions", ...actions), children), this.#said);
		if (!this.element.open) this.element.showModal();
		close.focus();
	}

	/** The dictionary has the key and what confirms it, `${key}.confirm`. */
	createConfirmedButton(key, question, act, look) {
		const ask = () => {
			const asked = h("p", { tabindex: "-1" }, isolate(question));
			const confirm = (event) => {
				event.currentTarget.disabled = true;
				act();
			};
			const cancel = () => {
				this.panel.hidden = true;
				opener.focus();
			};
			const confirmed = createButton(this.text(`${key}.confirm`), confirm, "primary");
			reveal(this.panel, asked, confirmed, createButton(this.text("cancel"), cancel));
			asked.focus();
		};
		const opener = createButton(this.text(key), ask, look);
		return opener;
	}

	showMessage(text, ...more) {
		reveal(this.panel, h("p", isolate(text)), more);
		announce(this.panel, text);
	}

	/** Returns undefined after an error, which it has shown. */
	async request(method, rest = "", body) {
		const { signal } = this.viewing;
		try {
			const response = await this.api.request(method, this.at(this.id) + rest, new AbortController().signal, body);
			return signal.aborted ? undefined : response;
		} catch (error) {
			if (!signal.aborted) this.showError(error, rest);
		}
	}

	/** @param {string} [rest] the path after the ID */
	showError(error, rest) {
		this.showMessage(describeError(this.locale, error).slice(0, 2).join(". "));
	}
}
